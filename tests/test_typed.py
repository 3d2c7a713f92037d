"""Type information for other projects."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import coner
from helpers import ROOT

PACKAGE = Path(coner.__file__).parent


def test_the_wheel_has_the_marker_of_a_typed_package() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build == {"packages": ["src/coner"]}  # the whole folder


def test_type_checkers_find_public_names_in_the_modules_used_at_run_time() -> None:
    """Type checkers cannot follow ``__getattr__``."""
    declared = {}
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module != "typing":
                    declared |= {alias.name: line.module for alias in line.names}
    assert declared == coner._MODULES
    assert sorted([*declared, "__version__"]) == sorted(coner.__all__)
