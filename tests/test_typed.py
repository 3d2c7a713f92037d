"""What type checkers of other projects see."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import coner
from helpers import ROOT

PACKAGE = Path(coner.__file__).parent


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build == {"packages": ["src/coner"]}  # the whole folder: nothing is left out of the wheel


def test_public_names_are_told_to_checkers_where_they_are_found_at_run_time() -> None:
    """They come by ``__getattr__``, which no checker follows."""
    told = {}
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                told |= {alias.name: line.module for alias in line.names}
    assert told == coner._HOMES
    assert sorted(told) == sorted(coner.__all__)
