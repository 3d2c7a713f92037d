"""Calibration and thresholds of a model: applied in one place, stored with it, and refused where they are damaged."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.core.errors import ModelError, OutputError
from coner.core.files import sha256
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.evaluation.calibrators import Isotonic, Temperature
from coner.families import Prediction, Tagger, load
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.onnx.export.model import write_onnx
from coner.families.operating_point import OperatingPoint
from coner.families.stored_point import replace_operating_point
from coner.families.vote.tagger import Member, VoteTagger
from coner.report.threshold import card_section
from helpers.operating_points import CHOICE
from helpers.small import CORPUS, small_crf
from helpers.tiny_training import untrained


def point(**values: Any) -> OperatingPoint:
    return OperatingPoint(chosen=CHOICE, **values)


class Fixed(Tagger):
    """Predicts the same entities for every sentence; none for an empty one."""

    kind, labels = "fixed", ("A", "B")
    taxonomy = Taxonomy.flat(("A", "B"))
    entities = (Entity(0, 1, "A", 0.2), Entity(1, 2, "B", 0.5), Entity(2, 3, "A", 0.8))

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for sentence in sentences:
            yield Prediction(sentence, self.entities if len(sentence) else None, repaired=1)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


SENTENCE = Sentence(("x", "y", "z"))


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({}, [0.2, 0.5, 0.8]),
        ({"threshold": 0.5}, [0.5, 0.8]),  # a confidence equal to the threshold is kept
        ({"threshold": 0.51}, [0.8]),
        ({"thresholds": {"A": 0.9}}, [0.5]),
        ({"threshold": 1.0, "thresholds": {"A": 0.0}}, [0.2, 0.8]),
        ({"threshold": 0.6, "calibration": Isotonic(scores=(0.2, 0.8), probabilities=(0.4, 1.0))}, [0.7, 1.0]),
    ],
)
def test_every_way_to_tag_applies_the_operating_point(values: dict[str, Any], kept: list[float]) -> None:
    tagger = Fixed()
    tagger.operating_point = point(**values)
    [prediction] = tagger.predict([SENTENCE])
    assert [entity.score for entity in prediction.entities or ()] == pytest.approx(kept)
    assert (prediction.below, prediction.repaired) == (3 - len(kept), 1)
    assert [entity.score for entity in tagger.tag([SENTENCE])[0]] == pytest.approx(kept)
    assert [mention.score for mention in tagger("x y z")] == pytest.approx(kept)
    assert [e.score for p in tagger.predict_raw([SENTENCE]) for e in p.entities or ()] == [0.2, 0.5, 0.8]


def test_a_temperature_of_1_without_threshold_changes_no_prediction() -> None:
    tagger = Fixed()
    [before] = tagger.predict([SENTENCE])
    tagger.operating_point = point(calibration=Temperature(temperature=1.0))
    [after] = tagger.predict([SENTENCE])
    assert after.entities == before.entities
    assert [e.score for e in after.entities or ()] == pytest.approx([e.score for e in before.entities or ()])


def test_a_sentence_without_an_answer_has_none() -> None:
    tagger = Fixed()
    tagger.operating_point = point(threshold=0.5)
    [prediction] = tagger.predict([Sentence(())])
    assert (prediction.entities, prediction.below) == (None, 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a small CRF."""
    small_crf().save(tmp_path / "crf")
    return tmp_path / "crf"


def test_a_stored_operating_point_is_loaded_and_removed(model: Path) -> None:
    before, plain = (model / MANIFEST).read_bytes(), load(model).tag(CORPUS)
    chosen = point(threshold=1.0, thresholds={"City": 0.0}, calibration=Temperature(temperature=2.0))
    assert replace_operating_point(model, chosen, sha256(model / MANIFEST))
    assert read_manifest(model).operating_point == load(model).operating_point == chosen
    assert not replace_operating_point(model, chosen, sha256(model / MANIFEST))
    for sentence, own, entities in zip(CORPUS, plain, load(model).tag(CORPUS), strict=True):
        assert entities == [entity for entity in own if entity.label == "City"], sentence
    assert replace_operating_point(model, None)
    assert (model / MANIFEST).read_bytes() == before
    assert not replace_operating_point(model, None)


def test_a_loaded_model_is_saved_with_its_operating_point(model: Path, tmp_path: Path) -> None:
    replace_operating_point(model, point(threshold=0.25), sha256(model / MANIFEST))
    load(model).save(tmp_path / "copy")
    assert load(tmp_path / "copy").operating_point == point(threshold=0.25)


def test_an_encoder_and_its_export_keep_the_operating_point(settings_for: Callable[..., Any], tmp_path: Path) -> None:
    torch.manual_seed(3)
    tagger = untrained(settings_for(), Taxonomy("tiny", {"Place": {"River": "", "City": ""}}))
    tagger.operating_point = chosen = point(threshold=0.5, calibration=Temperature(temperature=1.5))
    write_onnx(tagger, tmp_path / "onnx")
    assert load(tmp_path / "onnx").operating_point == chosen
    tagger.save(tmp_path / "encoder")
    load(tmp_path / "onnx").save(tmp_path / "copy")
    assert load(tmp_path / "encoder").operating_point == load(tmp_path / "copy").operating_point == chosen


def test_members_vote_with_their_own_calibration_and_thresholds(model: Path, tmp_path: Path) -> None:
    replace_operating_point(model, point(thresholds={"Artist": 1.0}), sha256(model / MANIFEST))
    vote = VoteTagger([Member("crf", model, load(model))], threshold=0.0)
    vote.operating_point = point(threshold=0.001)
    vote.save(tmp_path / "vote")
    replace_operating_point(model, None)  # replaces the file that the vote has a link to
    found = load(tmp_path / "vote")
    assert found.operating_point == point(threshold=0.001)
    assert {entity.label for entities in found.tag(CORPUS) for entity in entities} == {"City"}


DAMAGED = [
    ({"threshold": math.nan}, MANIFEST),  # the place is that of a reader of JSON without NaN, or the key
    ({"threshold": 1.5}, "operating_point.threshold"),
    ({"threshold": -0.1}, "operating_point.threshold"),
    ({"threshold": "0.5"}, "operating_point.threshold"),
    ({"threshold": True}, "operating_point.threshold"),
    ({"thresholds": {"City": math.inf}}, MANIFEST),
    ({"thresholds": {"Town": 0.5}}, "got 'Town'; expected labels of the model"),
    ({"thresholds": [0.5]}, "operating_point.thresholds"),
    ({"calibration": {"method": "temperature", "temperature": -1}}, "operating_point.calibration"),
    (
        {"calibration": {"method": "isotonic", "scores": [0.1, 0.9], "probabilities": [0.9, 0.1]}},
        "probabilities that decrease; expected a monotone map",
    ),
    ({"calibration": {"method": "exec", "code": "1"}}, "operating_point.calibration"),
    ({"other": 1}, "operating_point.other"),
]


@pytest.mark.parametrize(("values", "place"), DAMAGED, ids=[str(values) for values, _ in DAMAGED])
def test_a_damaged_operating_point_is_refused_in_one_line(model: Path, values: dict[str, Any], place: str) -> None:
    manifest = json.loads((model / MANIFEST).read_text())
    manifest["operating_point"] = {**point().model_dump(mode="json"), **values}
    (model / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="damaged") as error:
        load(model)
    assert "\n" not in str(error.value)
    assert place in str(error.value)
    assert replace_operating_point(model, None)
    assert load(model).operating_point is None


def test_nothing_is_stored_in_a_model_that_has_changed_or_is_a_link(model: Path, tmp_path: Path) -> None:
    stamp = sha256(model / MANIFEST)
    replace_operating_point(model, point(threshold=0.5), stamp)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        replace_operating_point(model, point(threshold=0.6), stamp)
    cached = tmp_path / "snapshot"
    cached.mkdir()
    (cached / MANIFEST).symlink_to(model / MANIFEST)
    with pytest.raises(OutputError, match="is a link into a cache"):
        replace_operating_point(cached, point(), stamp)
    with pytest.raises(ModelError, match=f"got no valid {MANIFEST}"):
        replace_operating_point(tmp_path, None)


def test_a_write_that_fails_leaves_the_model_as_it_was(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in model.iterdir()}

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        replace_operating_point(model, point(threshold=0.5), sha256(model / MANIFEST))
    assert {path: path.read_bytes() for path in model.iterdir()} == before


def test_the_model_card_says_what_is_left_out_and_what_was_measured() -> None:
    text = card_section(point(threshold=0.75, calibration=Temperature(temperature=2.0)))
    assert "method: temperature" in text
    assert "below 0.7500 are left out, for precision>=0.9" in text
    assert "| dev.conll, held out | 1/1 | 0.5000 [0.2500, 0.7500] |" in text
    assert card_section(None) == ""
