"""The commands of the page on data, and their output."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from helpers import ROOT, SAMPLE
from helpers.guide import Session


def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / SAMPLE.relative_to(ROOT))
    with contextlib.chdir(tmp_path):
        assert Session({}).play(ROOT / "docs" / "data.md") == 5
