"""A small CRF, trained once by the command itself, and the command line in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.cli.app import run
from helpers import SAMPLE
from helpers.shell import World, head

CONFIG = 'kind = "crf"\n[crf]\nclusters = []\nmax_iterations = 25\nc2 = 0.01\n'


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    made = World(folder / "crf.toml", folder / "train.conll", folder / "dev.conll", folder / "model")
    made.config.write_text(CONFIG)
    made.train.write_text(head(SAMPLE / "train.conll", 60), encoding="utf-8")
    # Half of it is in the training file, so that there are hits and misses.
    text = head(SAMPLE / "train.conll", 20) + head(SAMPLE / "dev.conll", 20).removeprefix("\n")
    made.dev.write_text(text, encoding="utf-8")
    assert run(["train", *made.settings, "--out", str(made.model)]) == 0
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder to write into."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder
