"""Build the documentation as a site: ``python docs/site/build.py [FOLDER]``, by default build/site.

The pages are those that the README lists; the reference is made from the code, and notebooks are run. Broken links,
anchors and references are errors, as are pages that the README does not list. Needs the extra ``docs``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pages
import reference
from sphinx.cmd.build import main as sphinx

STRICT = ("--quiet", "--nitpicky", "--fail-on-warning")


def build(site: Path) -> int:
    """Replace the folder by the site, if there is no fault; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "pages"), Path(folder, "site")
        pages.write(source, reference.pages())
        if code := render(source, made):
            return code
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(made, site, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo*", "_sources"))
    return 0


def render(source: Path, site: Path) -> int:
    """Turn pages of Markdown into a site; the exit code is not 0 if there is a fault, which stderr names."""
    return sphinx(["--builder", "html", "--conf-dir", str(Path(__file__).parent), *STRICT, str(source), str(site)])


if __name__ == "__main__":
    raise SystemExit(build(Path(sys.argv[1]) if sys.argv[1:] else pages.ROOT / "build/site"))
