"""The features of a knowledge base in a CRF: from the matches to a model folder."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ModelError
from coner.core.progress import SilentLog
from coner.core.types import Sentence
from coner.families import load
from coner.families.crf.fit import train
from coner.families.crf.known import look_up
from coner.families.crf.settings import CrfExperiment
from coner.families.crf.tagger import CrfTagger
from coner.families.knowledge import TrainingKnowledge
from coner.features.known import Cover
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.settings import KnowledgeSettings
from coner.knowledge.typed import TypedMatch
from fuzz_models import seal
from helpers.names import knowledge
from helpers.small import CORPUS, SETTINGS, TAXONOMY

NAMES = "name,types,prior\nnina simone,Artist,30\nprince,Artist|Title,8\noslo,City,9\nnew york,City,90\nyork,City,3\n"
UNSEEN = Sentence(("she", "met", "keith", "jarrett"))


def trained(base: Path, **section: Any) -> tuple[CrfTagger, TrainingKnowledge]:
    settings = CrfExperiment.model_validate({"kind": "crf", "crf": SETTINGS, "knowledge": {"base": base, **section}})
    known = TrainingKnowledge(base, settings.knowledge, {})
    known.learn(CORPUS, CORPUS)
    built = train(settings, train=CORPUS, dev=CORPUS, taxonomy=TAXONOMY, log=SilentLog(), knowledge=known)
    assert isinstance(built.tagger, CrfTagger)
    return built.tagger, known


def test_each_word_has_the_two_longest_names_that_cover_it() -> None:
    matches = (
        TypedMatch(0, 3, ((0, 0.95), (1, 0.05)), 2, 7.0),
        TypedMatch(1, 2, ((1, 1.0),), 1, 0.0),
        TypedMatch(1, 3, ((2, 1.0),), 1, 1e9),
    )
    found = look_up(lambda _: matches, ["City", "River"], ["the", "river", "rhine", "flows"])
    whole = [Cover(place, ("City",), 2, 3.0) for place in "BIE"]
    longer = [Cover(place, ("other",), 1, 12.0) for place in "BE"]
    assert found == [(whole[0],), (whole[1], longer[0]), (whole[2], longer[1]), ()]


def test_emissions_are_the_sums_of_the_weights_of_the_features_as_strings(tmp_path: Path) -> None:
    tagger, _ = trained(knowledge(tmp_path, NAMES).folder)
    weights = tagger.weights
    numbers = {feature: number for number, feature in enumerate(weights.features)}
    for sentence in [*CORPUS, UNSEEN]:
        expected = [[0.0] * len(tagger.tags) for _ in sentence.words]
        for row, features in zip(expected, tagger.extractor(sentence.words), strict=True):
            for number in (numbers[feature] for feature in features if feature in numbers):
                for entry in range(weights.starts[number], weights.starts[number + 1]):
                    row[weights.tags[entry]] += float(weights.values[entry])
        assert tagger.emissions([sentence])[0].tolist() == [pytest.approx(row, abs=1e-4) for row in expected]
    assert any(feature.startswith("known_type=") for feature in weights.features)
    assert any(feature.startswith("known_prior=") for feature in weights.features)


def test_a_model_finds_names_that_only_its_knowledge_base_has(tmp_path: Path) -> None:
    """Trained on names that it knows; tested on one that was in no training sentence."""
    base = knowledge(tmp_path, NAMES + "miles davis,Artist,9\nrio de janeiro,City,9\nkeith jarrett,Artist,9\n").folder
    with_names, _ = trained(base)
    [entities] = with_names.tag([UNSEEN])
    assert {(word, e.label) for e in entities for word in range(e.start, e.end)} == {(2, "Artist"), (3, "Artist")}
    without, _ = trained(knowledge(tmp_path / "less", NAMES).folder)
    assert without.tag([UNSEEN]) == [[]]


def test_training_sentences_do_not_know_their_own_mentions(tmp_path: Path) -> None:
    """The names are learned from the training file: the features of training are those without the sentence."""
    blocks = []
    for sentence in CORPUS:
        [entity] = sentence.entities or ()
        inside = range(entity.start + 1, entity.end)
        tags = [
            f"B-{entity.label}" if i == entity.start else f"I-{entity.label}" if i in inside else "O"
            for i in range(len(sentence))
        ]
        blocks.append("".join(f"{word} {tag}\n" for word, tag in zip(sentence.words, tags, strict=True)))
    (tmp_path / "all.conll").write_text("\n".join(blocks))
    build([tmp_path / "all.conll"], tmp_path / "kb", BuildSettings())
    tagger, known = trained(tmp_path / "kb")
    for number, sentence in enumerate(CORPUS):
        (tmp_path / "rest.conll").write_text("\n".join(block for i, block in enumerate(blocks) if i != number))
        build([tmp_path / "rest.conll"], tmp_path / f"kb{number}", BuildSettings())
        rest = FolderKnowledge(tmp_path / f"kb{number}").match(sentence.words)
        assert [(m.start, m.end, m.prior) for m in known(sentence.words)] == [(m.start, m.end, m.prior) for m in rest]
    assert tagger.tag(CORPUS)


@pytest.mark.parametrize("embed", [False, True])
def test_a_saved_model_needs_its_knowledge_base_or_has_it(tmp_path: Path, embed: bool) -> None:
    base = knowledge(tmp_path, NAMES).folder
    tagger, known = trained(base, embed=embed)
    tagger.save(tmp_path / "model")
    again = load(tmp_path / "model", kb=None if embed else base)
    assert again.tag([*CORPUS, UNSEEN]) == tagger.tag([*CORPUS, UNSEEN])
    assert (tmp_path / "model/knowledge").exists() == embed
    if not embed:
        with pytest.raises(ModelError, match=known.use.hash):
            load(tmp_path / "model")


def test_without_knowledge_nothing_changes() -> None:
    settings = CrfExperiment.model_validate({"kind": "crf", "crf": SETTINGS, "knowledge": {"oracle": True}})
    built = train(settings, train=CORPUS, dev=CORPUS, taxonomy=TAXONOMY, log=SilentLog())
    assert not [name for name in built.tagger.settings.crf.features if name.startswith("known")]  # type: ignore[attr-defined]
    assert KnowledgeSettings() == CrfExperiment(kind="crf").knowledge


@pytest.mark.parametrize("name", ["entries.sqlite", "names.txt", "kb.json"])
def test_a_hostile_copy_in_a_model_is_refused_in_one_line_or_used(tmp_path: Path, name: str) -> None:
    tagger, _ = trained(knowledge(tmp_path, NAMES).folder, embed=True)
    tagger.save(tmp_path / "model")
    whole = (tmp_path / "model/knowledge" / name).read_bytes()
    generator, refused = random.Random(name), 0
    for _ in range(25):
        changed = bytearray(whole)
        for _ in range(generator.randint(1, 30)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        (tmp_path / "model/knowledge" / name).write_bytes(changed)
        seal(tmp_path / "model")
        try:
            load(tmp_path / "model").tag([*CORPUS, UNSEEN])
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused or name == "entries.sqlite"
