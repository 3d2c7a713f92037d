"""Two small CRFs, trained on the sample with the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import SAMPLE

pytest.importorskip("fastapi")

from coner.cli.app import run

CONFIG = 'kind = "crf"\n[crf]\nclusters = []\nmax_iterations = {}\nc2 = 0.01\n'


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Model folders ``good`` and ``poor``."""
    folder = tmp_path_factory.mktemp("models")
    trained = []
    for name, iterations in (("good", 30), ("poor", 3)):
        (folder / "crf.toml").write_text(CONFIG.format(iterations))
        files = [f"data.{split}={SAMPLE / split}.conll" for split in ("train", "dev")]
        settings = [argument for file in files for argument in ("--set", file)]
        assert run(["train", str(folder / "crf.toml"), *settings, "--out", str(folder / name)]) == 0
        trained.append(folder / name)
    return trained
