"""A command is imported when it is called, and all are listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coner import cli
from coner.cli.commands import PANEL_OF, LazyCommands, build
from helpers.shell import Completed, refusal

LOADED = (
    "import sys; from coner.cli.app import run; code = run(sys.argv[1:]); "
    "print(*(name for name in sys.modules if name.startswith('coner.cli.')), file=sys.stderr); sys.exit(code)"
)


@pytest.mark.parametrize(("arguments", "own"), [(["--version"], set()), (["models", "--help"], {"coner.cli.models"})])
def test_only_the_command_that_is_called_is_imported(arguments: list[str], own: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    assert {f"coner.cli.{name.replace('-', '_')}" for name in PANEL_OF} & set(done.stderr.split()) == own


def test_every_module_that_has_a_command_is_listed(coner: Callable[..., Completed]) -> None:
    shared = {"__init__", "app", "commands", "options", "outcome", "source"}
    parts = {"augment", "label_map", "kb_build", "union"}  # of the groups data and kb, and of train
    modules = {path.stem for path in Path(cli.__path__[0]).glob("*.py")} - shared - parts
    assert {name.replace("_", "-") for name in modules} == PANEL_OF.keys()
    help = coner("--help").out
    assert all(f" {name} " in help for name in PANEL_OF)


def test_commands_are_built_once_under_their_names() -> None:
    for name, command in LazyCommands().items():
        assert command.name == name
        assert command is build(name)
        assert command.rich_help_panel == PANEL_OF[name]
    with pytest.raises(KeyError):
        build("convrt")


def test_a_misspelt_command_names_the_one_that_is_meant(coner: Callable[..., Completed]) -> None:
    assert "Did you mean 'convert'?" in refusal(coner("convrt"))
