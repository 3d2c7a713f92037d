"""Shell completion: commands, options, and the values that the registries hold."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from coner.data.formats import all_formats


def completed(line: str) -> str:
    environment = {**os.environ, "_CONER_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    command = [sys.executable, "-m", "coner"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize(("line", "expected"), [("coner tra", '"train"'), ("coner kb lo", '"lookup"')])
def test_commands_are_completed(line: str, expected: str) -> None:
    assert expected in completed(line)


def test_formats_are_completed_from_the_registry() -> None:
    shown = completed("coner convert a b --from ")
    assert all(f'"{format.name}"' in shown for format in all_formats() if format.reader)
