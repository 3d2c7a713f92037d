"""``coner evaluate --noise`` and ``--noisy``: clean and noisy side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.data import read
from coner.evaluation.score import score
from coner.families import load
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


def scores(coner: Coner, *arguments: object) -> dict[str, Any]:
    done = coner("evaluate", *arguments, "--json")
    assert done.code == 0, done.err
    values: dict[str, Any] = json.loads(done.out)
    return values


@pytest.fixture
def noisy(coner: Coner, world: World, out: Path) -> Path:
    path = out / "noisy.conll"
    assert coner("data", "noise", world.dev, "-o", path, "--rate", 1, "--words", 0.9).code == 0
    return path


def test_clean_and_noisy_scores_are_those_of_the_scorer(coner: Coner, world: World, noisy: Path) -> None:
    found = scores(coner, world.dev, world.model, "--noisy", noisy, "--train", world.train)
    plain = scores(coner, world.dev, world.model, "--train", world.train)
    assert {name: found[name] for name in plain} == plain
    alone = scores(coner, noisy, world.model, "--train", world.train)
    assert {name: found["noisy"][name] for name in alone if name != "errors"} == {
        name: value for name, value in alone.items() if name != "errors"
    }
    corpus = read(noisy)
    oracle = score(corpus, load(world.model).tag(corpus))
    changes = found["changes"]
    assert changes["macro_f1"]["noisy"] == oracle.fine.macro_f1 < changes["macro_f1"]["clean"]
    assert changes["span_f1"]["noisy"] == oracle.span.f1
    for change in changes.values():
        difference = change["difference"]
        assert difference["value"] == pytest.approx(change["noisy"] - change["clean"])
        assert difference["low"] <= difference["value"] <= difference["high"]


def test_a_rate_makes_the_copy_that_the_data_command_makes(coner: Coner, world: World, out: Path) -> None:
    copy = out / "copy.conll"
    assert coner("data", "noise", world.dev, "-o", copy, "--rate", 0.6).code == 0
    found, oracle = (scores(coner, world.dev, world.model, *more) for more in (("--noise", 0.6), ("--noisy", copy)))
    assert found == oracle
    assert 0 < found["noisy"]["noisy_sentences"] < 40
    found = scores(coner, world.dev, world.model, "--noise", 0)
    assert (found["noisy"]["noisy_sentences"], found["noisy"]["noisy_words"]) == (0, 0)
    assert all(change["difference"]["value"] == 0 for change in found["changes"].values())


def test_the_terminal_shows_both_and_the_difference(coner: Coner, world: World, noisy: Path) -> None:
    values = scores(coner, world.dev, world.model, "--noisy", noisy)
    lines = coner("evaluate", world.dev, world.model, "--noisy", noisy).out.splitlines()
    clean, copy = ([word for sentence in read(path) for word in sentence.words] for path in (world.dev, noisy))
    words, total = sum(a != b for a, b in zip(clean, copy, strict=True)), len(clean)
    assert f"with typos in {words} of {total} words, 40 of 40 sentences" in lines
    macro = next(line.split() for line in lines if line.startswith(" macro F1 "))
    change = values["changes"]["macro_f1"]
    assert macro[2:5] == [f"{change['clean']:.4f}", f"{change['noisy']:.4f}", f"{change['difference']['value']:+.3f}"]


def test_wrong_use_is_one_line(coner: Coner, world: World, noisy: Path, out: Path) -> None:
    for option in (("--noise", 1), ("--noisy", noisy)):
        assert "is not a model folder; expected one with --noise or --noisy" in refusal(
            coner("evaluate", world.dev, world.dev, *option)
        )
    both = refusal(coner("evaluate", world.dev, world.model, "--noise", 1, "--noisy", noisy))
    assert "--noise, --noisy: got both; expected one of them" in both
    assert "got rate 2; expected a fraction" in refusal(coner("evaluate", world.dev, world.model, "--noise", 2))
    assert "no such file" in refusal(coner("evaluate", world.dev, world.model, "--noisy", out / "no.conll"))
    message = refusal(coner("evaluate", world.dev, world.model, "--noisy", world.train))
    assert "expected a copy of it with typos only" in message
