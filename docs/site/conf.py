"""Settings of Sphinx; ``build.py`` runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import coner

sys.path.insert(0, str(Path(__file__).parent))
import names

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "coner"
version = release = coner.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "pydata_sphinx_theme"
html_title = "coner"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "navigation_with_keys": False,
    "search_as_you_type": True,
    "show_toc_level": 2,
    "footer_start": [],
    "footer_end": [],
}
myst_heading_anchors = 3  # as on GitHub
smartquotes_action = "D"  # dashes
highlight_language = "text"
html_domain_indices = False
html_show_search_summary = False  # fetches pages, which browsers forbid in files
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
python_use_unqualified_type_names = True
# Names of other packages have no link: the site refers to no other site.
nitpick_ignore_regex = [("py:.*", r"(?!coner\.)\w+(\.\w+)+|str|int|float|bool|object|ge=0")]


def setup(app: Sphinx) -> None:
    """Connect what the public names need."""
    names.name_types()
    app.connect("autodoc-process-docstring", names.describe, priority=100)  # before napoleon
    app.connect("missing-reference", names.resolve)
