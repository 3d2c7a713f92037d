"""What several test modules share: tiny encoders of every architecture, and a network over one of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from coner.cli.app import run
from coner.core.progress import stderr
from helpers import SAMPLE, tiny
from helpers.chromium import chromium
from helpers.shell import Completed, World, head

CONFIG = 'kind = "crf"\n[crf]\nclusters = []\nmax_iterations = 25\nc2 = 0.01\n'  # of ``world``

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may contact the hub
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
with suppress(ValueError):  # not in the main thread
    # A shell starts its background jobs with Ctrl-C ignored, which their processes inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples have no deadline, since the machine may be busy; the suite has a timeout.
settings.register_profile("coner", deadline=None)
settings.load_profile("coner")


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs as one process of several, or whose stderr was closed, silences its own test only."""
    monkeypatch.setattr(stderr, "quiet", False)


@pytest.fixture
def coner(capsys: pytest.CaptureFixture[str]) -> Callable[..., Completed]:
    """The command line, in this process."""

    def call(*arguments: object) -> Completed:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Completed(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window; skipped where there is none."""
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random encoder, by architecture; each is made once."""
    root = tmp_path_factory.mktemp("encoders")

    def folder(architecture: str) -> Path:
        path = root / architecture
        if not path.exists():
            path.mkdir()
            tiny.MAKERS[architecture](path)
        return path

    return folder


@pytest.fixture
def settings_for(tiny_encoder: Callable[[str], Path]) -> Callable[..., Any]:
    """An encoder experiment on a tiny mBERT, in float32 without dropout, changed by sections."""
    from coner.families.settings import parse_experiment

    def make(architecture: str = "mbert", **sections: Any) -> Any:
        values: dict[str, Any] = {
            "kind": "encoder",
            "encoder": {"name": str(tiny_encoder(architecture)), **sections.pop("encoder", {})},
            "head": {"dropout": 0.0, **sections.pop("head", {})},
            "train": {"precision": "float32", "device": "cpu", **sections.pop("train", {})},
            **sections,
        }
        return parse_experiment(values)

    return make


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A small CRF, trained once by the command itself, and its data."""
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
