"""A vote of several families: a CRF, an encoder, and the same encoder in ONNX."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment
from coner.families.onnx.export.model import write_onnx
from coner.families.vote.tagger import Member, VoteTagger
from helpers.tiny_training import untrained

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
SENTENCES = [
    Sentence(("the", "rhine", "flows", "through", "basel"), (Entity(1, 2, "River"), Entity(4, 5, "City"))),
    Sentence(("dvořák", "composed", "in", "são", "paulo"), (Entity(0, 1, "Artist"), Entity(3, 5, "City"))),
    Sentence(()),
]


@pytest.fixture
def folders(settings_for: Callable[..., Any], tmp_path: Path) -> dict[str, Path]:
    """A model folder of each family."""
    settings = settings_for()
    torch.manual_seed(3)
    tagger = untrained(settings, TAXONOMY)
    with torch.no_grad():
        tagger.network.emissions.weight.mul_(8)  # so that a random network finds entities
        tagger.network.emissions.bias.zero_()
    made = {kind: tmp_path / "made" / kind for kind in ("crf", "encoder", "onnx")}
    tagger.save(made["encoder"])
    write_onnx(tagger, made["onnx"])
    crf = CrfExperiment.model_validate({"kind": "crf", "crf": {"clusters": (), "thresholds": ()}})
    some = SENTENCES[:2] * 5
    train(crf, train=some, dev=some, taxonomy=TAXONOMY, log=Log()).tagger.save(made["crf"])
    return made


def test_models_of_several_families_vote_from_one_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    members = {kind: load(folder) for kind, folder in folders.items()}
    VoteTagger([Member(k, f, members[k]) for k, f in folders.items()], threshold=0.0).save(tmp_path / "vote")
    shutil.rmtree(tmp_path / "made" / "onnx")
    vote = load(tmp_path / "vote")
    assert isinstance(vote, VoteTagger)
    assert [member.tagger.kind for member in vote.members] == ["crf", "encoder", "onnx"]
    votes = [spans for spans, _ in vote.votes(SENTENCES)]
    assert votes[2] == []
    for index, sentence in enumerate(SENTENCES):
        shares: dict[Entity, float] = {}
        for kind in ("crf", "encoder", "encoder"):  # the exported model predicts the same as the encoder
            for entity in members[kind].tag([sentence])[0]:
                shares[entity] = shares.get(entity, 0.0) + entity.score / 3
        assert {entity: entity.score for entity in votes[index]} == pytest.approx(shares, abs=1e-4)
    assert any(len({entity.score for entity in entities}) > 1 for entities in votes)
