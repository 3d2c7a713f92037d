"""``coner threshold``: what it promises is what ``coner evaluate`` finds; what it cannot reach is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from coner.core.files import sha256
from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data import read
from coner.evaluation.calibration import calibrate
from coner.families import load
from coner.families.manifest import MANIFEST
from coner.families.operating_point import OperatingPoint
from coner.records.record import read_record
from coner.report.threshold import summary
from helpers.operating_points import CHOICE, MEASURED
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


@pytest.fixture
def model(world: World, tmp_path: Path) -> Path:
    """A copy of the trained CRF."""
    return Path(shutil.copytree(world.model, tmp_path / "model"))


@pytest.fixture
def dev(world: World, model: Path, tmp_path: Path) -> Path:
    """Sentences where the model is right exactly if it is confident, except in every fifth case."""
    sentences = read(world.train).sentences
    predicted = load(model).tag(sentences)
    middle = median(entity.score for entities in predicted for entity in entities)
    gold = [
        replace(s, entities=[e for e in found if (e.score >= middle) != (number % 5 == 0)])
        for number, (s, found) in enumerate(zip(sentences, predicted, strict=True))
    ]
    path = tmp_path / "dév.conll"
    path.write_text("".join(f"{line}\n" for s in gold for line in [*lines(s), ""]), encoding="utf-8")
    return path


def lines(sentence: Sentence) -> list[str]:
    tags = tags_from_entities(sentence.entities or (), len(sentence))
    return [f"{word} _ _ {tag}" for word, tag in zip(sentence.words, tags, strict=True)]


def values(coner: Coner, *arguments: object) -> dict[str, Any]:
    done = coner("threshold", *arguments, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def evaluated(coner: Coner, gold: Path, model: Path) -> dict[str, Any]:
    done = coner("evaluate", gold, model, "--json")
    assert done.code == 0, done.err
    fine: dict[str, Any] = json.loads(done.out)["fine"]
    return fine


def goal(text: str) -> tuple[object, ...]:
    return "--for", text, "--minimum", 5


def test_the_stored_threshold_gives_what_was_measured(coner: Coner, dev: Path, model: Path) -> None:
    before = evaluated(coner, dev, model)
    found = values(coner, model, "--dev", dev, *goal("precision>=0.75"))["operating_point"]
    after, chosen = evaluated(coner, dev, model), found["chosen"]
    assert before["precision"] < 0.75 <= after["precision"]
    for name in ("precision", "recall", "micro_f1", "macro_f1"):
        assert chosen["before"][name][0] == pytest.approx(before[name])
        assert chosen["dev"][name][0] == pytest.approx(after[name])
        value, low, high = chosen["held_out"][name]
        assert low <= value <= high
    assert (chosen["file"], chosen["sha256"]) == (dev.name, sha256(dev))
    assert load(model).operating_point is not None


def test_calibration_errors_are_those_of_the_tagger(coner: Coner, world: World, dev: Path, model: Path) -> None:
    gold = read(dev)
    own = load(model).tag(gold.sentences)
    found = values(coner, model, "--dev", dev, "--calibrate", "isotonic", "--test", world.train)
    chosen = found["operating_point"]["chosen"]
    rows = [sentence.entities or () for sentence in gold]
    assert chosen["before"]["ece"] == found["calibrations"]["none"]["ece"] == pytest.approx(calibrate(rows, own).error)
    after = load(model).tag(gold.sentences)
    assert after == own  # spans and labels
    assert chosen["dev"]["brier"] == pytest.approx(calibrate(rows, after).brier)
    train = read(world.train)
    labelled = [sentence.entities or () for sentence in train]
    assert chosen["test"]["ece"] == pytest.approx(calibrate(labelled, load(model).tag(train.sentences)).error)
    assert chosen["test_file"] == world.train.name


def test_equal_input_gives_equal_bytes_and_a_second_choice_replaces_the_first(
    coner: Coner, dev: Path, model: Path
) -> None:
    arguments = (model, "--dev", dev, *goal("macro_f1"), "--per-class")
    first = values(coner, *arguments)
    stored = (model / MANIFEST).read_bytes()
    assert values(coner, model, "--dev", dev, *goal("precision>=0.75"), "--seed", 1) != first
    assert values(coner, *arguments) == first
    assert (model / MANIFEST).read_bytes() == stored
    assert first["operating_point"]["chosen"]["rare"]


def test_clear_removes_what_was_stored(coner: Coner, dev: Path, model: Path) -> None:
    before = evaluated(coner, dev, model)
    values(coner, model, "--dev", dev, *goal("precision>=0.75"))
    assert coner("threshold", model).out.startswith(("calibration: ", " class"))
    assert "removed" in coner("threshold", model, "--clear").err
    assert evaluated(coner, dev, model) == before
    assert "nothing to remove" in coner("threshold", model, "--clear").err
    assert coner("threshold", model).out == f"{model}: neither calibrated nor with a threshold\n"


def test_show_prints_the_trade_off_and_stores_nothing(coner: Coner, dev: Path, model: Path) -> None:
    stamp = sha256(model / MANIFEST)
    found = values(coner, model, "--dev", dev, "--show")
    assert [row["threshold"] for row in found["trade_off"]][:3] == [0, 0.05, 0.1]
    first = found["trade_off"][0]
    fine = evaluated(coner, dev, model)
    assert [first[name] for name in ("precision", "recall")] == pytest.approx([fine["precision"], fine["recall"]])
    assert [row["kept"] for row in found["trade_off"]] == sorted((r["kept"] for r in found["trade_off"]), reverse=True)
    shown = coner("threshold", model, "--dev", dev, "--show", *goal("micro_f1"))
    assert "threshold   kept   precision" in shown.out
    assert "nothing was stored" in shown.err
    done = coner("threshold", model, "--dev", dev, "--show", "--for", "precision>=1", "--minimum", 50)
    assert done.code == 2
    assert "threshold   kept   precision" in done.out
    assert "precision>=1 cannot be reached: at most 0." in done.err
    assert sha256(model / MANIFEST) == stamp


def test_tag_reports_what_it_leaves_out(coner: Coner, dev: Path, model: Path, tmp_path: Path) -> None:
    everything = coner("tag", model, dev, "-o", tmp_path / "all.conll").err
    values(coner, model, "--dev", dev, *goal("precision>=0.75"))
    some = coner("tag", model, dev, "-o", tmp_path / "some.conll").err
    kept, counted = (sum(len(s.entities or ()) for s in read(tmp_path / name)) for name in ("some.conll", "all.conll"))
    assert kept < counted
    assert f"{counted} entities" in everything
    assert f"{kept} entities, {counted - kept} left out below the threshold" in some
    assert "for precision>=0.75, chosen on dév.conll" in coner("evaluate", dev, model).err


def test_a_record_has_the_scores_without_threshold_and_the_card_has_both(
    coner: Coner, world: World, dev: Path, model: Path
) -> None:
    values(coner, model, "--dev", dev, *goal("precision>=0.75"))
    assert coner("train", *world.settings, "--set", f"data.test={dev}", "--out", model).code == 0
    assert load(model).operating_point is not None
    assert read_record(model).scores["test"].fine.precision == evaluated(coner, dev, world.model)["precision"]
    card = coner("card", model).out
    assert "are left out, for precision>=0.75. Chosen on dév.conll" in card


def test_a_vote_says_that_a_member_has_thresholds(coner: Coner, dev: Path, model: Path, tmp_path: Path) -> None:
    values(coner, model, "--dev", dev, *goal("precision>=0.75"))
    done = coner("vote", model, "--threshold", 0, "--out", tmp_path / "vote")
    assert "model is used with its calibration" in done.err
    assert load(tmp_path / "vote").tag(read(dev)) == load(model).tag(read(dev))


def test_a_threshold_that_only_helps_where_it_was_chosen_is_warned_of() -> None:
    worse = MEASURED.model_copy(update={"micro_f1": (0.4, 0.3, 0.5)})
    chosen = CHOICE.model_copy(update={"goal": "micro_f1", "held_out": worse})
    assert "no better than without a threshold" in "\n".join(summary(OperatingPoint(chosen=chosen)))
    chosen = CHOICE.model_copy(update={"goal": "micro_f1", "before": worse})
    assert "Warning" not in "\n".join(summary(OperatingPoint(chosen=chosen)))


def test_a_class_that_the_model_lacks_and_a_training_file_are_warned_of(
    coner: Coner, world: World, dev: Path, model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.conll"
    other.write_text(dev.read_text(encoding="utf-8") + "x _ _ B-Nonsense\n", encoding="utf-8")
    done = coner("threshold", model, "--dev", other, "--show")
    assert "1 mention of classes that the model cannot predict: Nonsense" in done.err
    assert "was trained on this file" in coner("threshold", model, "--dev", world.train, "--show").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dev", "{dev}", "--for", "precision"], "--for: got 'precision'; expected precision>=X"),
        (["--dev", "{dev}", "--for", "précision>=0.9"], "--for: got 'précision>=0.9'; expected"),
        (["--dev", "{dev}", "--for", "precision>=0.9", "--minimum", "100000"], "expected at least 100000"),
        (["--dev", "{dev}", "--for", "precision>=1", "--minimum", "50"], "precision>=1 cannot be reached: at most 0."),
        (["--dev", "{dev}", "--per-class"], "--per-class: got no goal"),
        (["--for", "macro_f1"], "--dev: not set"),
        (["--clear", "--dev", "{dev}"], "--clear: got --dev too"),
        (["--dev", "{folder}/none.conll"], "none.conll: "),
        (["--dev", "{empty}"], "empty.conll: "),
        (["--dev", "{plain}"], "got no labelled mention"),
        (["--dev", "{dev}", "--test", "{empty}"], "empty.conll: "),
        (["--dev", "{dev}", "--budget-tokens", "5"], "budget"),
    ],
)
def test_wrong_use_is_one_line_and_stores_nothing(  # noqa: PLR0917 - pytest fills them in by name
    coner: Coner, dev: Path, model: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty.conll").write_text("")
    (tmp_path / "plain.conll").write_text("a _ _ O\n")
    names = {"dev": dev, "folder": tmp_path, "empty": tmp_path / "empty.conll", "plain": tmp_path / "plain.conll"}
    stamp = sha256(model / MANIFEST)
    done = coner("threshold", model, *(argument.format_map(names) for argument in arguments))
    assert message in refusal(done)
    assert sha256(model / MANIFEST) == stamp


def test_a_model_without_confidences_is_refused(coner: Coner, world: World, tmp_path: Path) -> None:
    config = tmp_path / "llm.toml"
    config.write_text(
        f'kind = "llm"\n[data]\ntrain = "{world.train}"\n[llm]\nmodel = "m"\nbase_url = "http://[::1]:9"\n'
    )
    assert coner("train", config, "--out", tmp_path / "llm").code == 0
    done = coner("threshold", tmp_path / "llm", "--dev", world.dev, "--for", "precision>=0.9")
    assert "got a model of kind llm, which gives no confidence" in refusal(done)


def test_a_folder_without_a_model_is_refused(coner: Coner, world: World, tmp_path: Path) -> None:
    assert "expected the folder of a trained model" in refusal(coner("threshold", tmp_path, "--dev", world.dev))
    assert "got no valid model.json" in refusal(coner("threshold", tmp_path, "--clear"))
    (tmp_path / "model.json").write_text("[" * 100_000)
    assert "got no valid model.json" in refusal(coner("threshold", tmp_path, "--clear"))
