"""``coner pretrain``, and a tagger that is trained on its encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.cli.app import run
from helpers import SAMPLE

SHORT = ["--set", "data.take=40", "--set", "train.epochs=1", "--set", "train.device=cpu"]


def test_a_tagger_is_trained_on_the_new_encoder(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = str(SAMPLE / "dev.conll"), str(tmp_path / "encoder")
    options = ["--encoder", str(tiny_encoder("mbert")), "--epochs", "1", "--out", out]
    assert run(["pretrain", text, text, *options, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sentences"] + report["held_out"] == 132  # each text once
    data = ["--train", str(SAMPLE / "train.conll"), "--dev", text]
    assert run(["train", "encoder", *data, "--encoder", out, *SHORT, "--out", str(tmp_path / "run")]) == 0
    assert run(["pretrain", text, *options]) == 0
    assert "already finished" in capsys.readouterr().err


def test_texts_of_other_files_are_left_out(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, dev = tmp_path / "more.txt", tmp_path / "dev.conll"
    text.write_text("The Rhine is long\nBasel is a city\nCologne is old\n", encoding="utf-8")
    dev.write_text("basel B-City\nis O\na O\ncity O\n", encoding="utf-8")
    options = ["--encoder", str(tiny_encoder("mbert")), "--epochs", "1", "--out", str(tmp_path / "new"), "--json"]
    assert run(["pretrain", str(text), "--leave-out", str(dev), *options]) == 0
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert report["sentences"] + report["held_out"] == 2
    assert "2 sentences, 1 left out" in shown.err.replace("\n", " ")


def test_too_little_text_is_one_line(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "more.txt"
    text.write_text("Basel\n", encoding="utf-8")
    assert run(["pretrain", str(text), "--encoder", str(tiny_encoder("mbert")), "--out", str(tmp_path / "new")]) == 2
    assert "expected at least 2, better thousands" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_out_of_range_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: str) -> None:
    out = tmp_path / "new"
    assert run(["pretrain", str(SAMPLE / "dev.conll"), "--seed", seed, "--out", str(out)]) == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert "Invalid value for '--seed': Input should be " in message
    assert not out.exists()
