"""Two tiny CRFs, trained on the sample by the command itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SAMPLE

pytest.importorskip("fastapi")

from coner.cli.app import run

CONFIG = 'kind = "crf"\n[crf]\nclusters = []\nmax_iterations = {}\nc2 = 0.01\n'


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders ``good`` and ``poor``."""
    folder = tmp_path_factory.mktemp("models")
    made = []
    for name, iterations in (("good", 30), ("poor", 3)):
        (folder / "crf.toml").write_text(CONFIG.format(iterations))
        files = [f"data.{part}={SAMPLE / part}.conll" for part in ("train", "dev")]
        settings = [argument for file in files for argument in ("--set", file)]
        assert run(["train", str(folder / "crf.toml"), *settings, "--out", str(folder / name)]) == 0
        made.append(folder / name)
    return made
