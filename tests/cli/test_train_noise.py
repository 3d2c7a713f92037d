"""``data.noise`` in training runs: typos in training sentences, and noisy copies to evaluate on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError
from coner.data import read
from coner.data.noise import Noise, load_keyboard
from coner.data.splits import SplitCache
from coner.evaluation.score import score
from coner.families import load
from coner.families.recipe import Training
from coner.families.settings import parse_experiment
from coner.records.record import read_record
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]
FEW = ("--set", "crf.max_iterations=3")


def train(coner: Coner, world: World, folder: Path, *changes: str) -> Completed:
    options = [argument for change in changes for argument in ("--set", change)]
    return coner("train", *world.settings, *FEW, *options, "--out", folder)


def test_noisy_copies_are_evaluated_besides_the_clean_splits(coner: Coner, world: World, out: Path) -> None:
    test = f"data.test={world.train}"
    assert train(coner, world, out / "clean", test).code == 0
    done = train(coner, world, out / "both", test, "data.noise.score=true", "data.noise.where=mentions")
    assert (done.code, "dev_noisy: micro F1" in done.err, "test_noisy: micro F1" in done.err) == (0, True, True)
    clean, both = read_record(out / "clean"), read_record(out / "both")
    splits = {"dev": world.dev, "test": world.train}
    for section in ("scores", "sentences", "confusion"):
        values = getattr(both, section)
        assert set(values) == {"dev", "test", "dev_noisy", "test_noisy"}
        assert {split: values[split] for split in splits} == getattr(clean, section)
    tagger, noise = load(out / "both"), Noise(load_keyboard("qwerty"), rate=1.0, where="mentions")
    for split, path in splits.items():
        corpus = noise(read(path))
        oracle = score(corpus, tagger.tag(corpus)).fine
        assert both.scores[f"{split}_noisy"].fine.macro_f1 == oracle.macro_f1
        assert both.data[f"{split}_noisy"].file == path.name
        assert both.data[f"{split}_noisy"].sentences == both.data[split].sentences
        assert (out / "both" / f"tagged.{split}_noisy.jsonl").exists()
    assert len({both.data[split].sha256 for split in both.data if split != "train"}) == 4
    # The model is the same, so its fingerprint does not depend on this noise.
    assert both.fingerprint == clean.fingerprint


def test_a_finished_run_is_evaluated_on_splits_that_are_added_later(coner: Coner, world: World, out: Path) -> None:
    late, whole = out / "late", out / "whole"
    score = ("data.noise.score=true", "data.noise.words=1")
    for changes in ((), score, (*score, f"data.test={world.train}")):
        assert train(coner, world, late, *changes).code == 0
    assert train(coner, world, whole, *score, f"data.test={world.train}").code == 0
    record, oracle = read_record(late), read_record(whole)
    for section in ("data", "scores", "confusion", "sentences", "counts"):
        assert getattr(record, section) == getattr(oracle, section)
    assert record.settings["data"]["noise"] == oracle.settings["data"]["noise"]
    before = (late / "record.json").read_bytes()
    assert train(coner, world, late).code == 0
    message = refusal(train(coner, world, late, "data.noise.score=true", "data.noise.words=3"))
    assert "data.noise: the finished run in" in message
    assert f"was evaluated with other noise in {world.dev.name}" in message
    assert (late / "record.json").read_bytes() == before
    assert train(coner, world, late, "crf.c2=0.5").code == 2
    assert coner("train", *world.settings, *FEW, "--out", late, "--overwrite").code == 0
    assert {path.name for path in late.glob("tagged.*")} == {"tagged.dev.jsonl"}


def test_only_training_sentences_get_typos(coner: Coner, world: World, out: Path) -> None:
    done = train(coner, world, out / "noisy", "data.noise.rate=0.5")
    assert done.code == 0
    corpus = read(world.train)
    noisy = Noise(load_keyboard("qwerty"), rate=0.5)(corpus)
    count = sum(a != b for a, b in zip(corpus, noisy, strict=True))
    assert f"noise in {count} of 60 training sentences\n" in done.err
    lexicon = json.loads((out / "noisy" / "lexicon.json").read_text(encoding="utf-8"))
    known = set(lexicon["gazetteer"]["totals"])
    assert known == {word for sentence in noisy for word in sentence.words}
    record, clean = read_record(out / "noisy"), out / "clean"
    assert train(coner, world, clean).code == 0
    assert set(record.scores) == {"dev"}
    assert record.data == read_record(clean).data
    assert record.fingerprint != read_record(clean).fingerprint
    seen = [read_record(run).scores["dev"].seen.support for run in (out / "noisy", clean)]
    assert seen[0] == seen[1]  # counted on the clean training file


def test_noise_in_training_is_part_of_the_fingerprint(world: World, tmp_path: Path) -> None:
    layout = tmp_path / "mine.toml"
    layout.write_text('[[row]]\nkeys = "abc"\noffset = 0\n')

    def fingerprint(**noise: Any) -> str:
        data = {"train": str(world.train), "dev": str(world.dev), "noise": noise}
        settings = parse_experiment({"kind": "crf", "data": data})
        recipe = Training(settings)
        return recipe.fingerprint(recipe.read(SplitCache()))

    assert fingerprint() == fingerprint(score=True) == fingerprint(where="context", seed=3)
    assert fingerprint(rate=1, words=2) == fingerprint(rate=1.0) != fingerprint()
    own = fingerprint(rate=0.3, layout=str(layout))
    assert own == fingerprint(rate=0.3, layout=str(layout), score=True)
    others = [{}, {"rate": 0.3}, {"rate": 0.2}, {"rate": 0.3, "seed": 2}, {"rate": 0.3, "words": 1}]
    others += [{"rate": 0.3, "where": "context"}, {"rate": 0.3, "layout": "azerty"}]
    assert len({own, *(fingerprint(**noise) for noise in others)}) == 1 + len(others)
    layout.write_text('[[row]]\nkeys = "cba"\noffset = 0\n')
    assert fingerprint(rate=0.3, layout=str(layout)) == own  # the same keys are neighbours
    layout.write_text('[[row]]\nkeys = "bac"\noffset = 0\n')
    assert fingerprint(rate=0.3, layout=str(layout)) != own


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({"rate": 2}, "data.noise.rate: input should be less than or equal to 1, got 2"),
        ({"words": 1.5}, "data.noise.words: 1.5; expected a share below 1, or a whole number"),
        ({"words": 0}, "data.noise.words: input should be greater than 0"),
        ({"where": "all"}, "data.noise.where: "),
        ({"what": 1}, "data.noise.what: no such setting; expected one of: layout, rate, score"),
    ],
)
def test_wrong_settings_are_named_by_their_key_path(noise: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_experiment({"kind": "crf", "data": {"noise": noise}})


def test_an_unknown_layout_is_one_line(coner: Coner, world: World, out: Path) -> None:
    for change in ("data.noise.rate=0.5", "data.noise.score=true"):
        message = refusal(train(coner, world, out / "run", change, "data.noise.layout=dvorak"))
        assert "got layout 'dvorak'; expected one of: azerty" in message
    assert not (out / "run").exists()
