"""Training on sets of labels: the losses of the objective, the coarse labels that are known, a run from a config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.core.tags import TagSet
from coner.core.types import Entity, Region, Sentence
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.training.gold_tags import GoldTags, in_groups
from helpers.rivers import SENTENCES, TAXONOMY
from helpers.tiny_training import RATES, tuning_of

PLACE, ANY = frozenset(["River", "City"]), frozenset(TAXONOMY.labels)
WORDS = ("the", "rhine", "flows", "through", "basel")
SETS = Sentence(WORDS, (), regions=(Region(1, 2, PLACE, whole=True), Region(4, 5, ANY, whole=True)))
KNOWN = Sentence(WORDS, (), regions=(Region(1, 2, PLACE, whole=True),))


def test_coarse_labels_are_known_where_all_fine_ones_are_of_one_group() -> None:
    groups = TAXONOMY.coarse_by_fine
    assert in_groups(KNOWN, groups) == Sentence(WORDS, (Entity(1, 2, "Place"),))
    assert in_groups(SETS, groups).regions == (
        Region(1, 2, frozenset(["Place"]), whole=True),
        Region(4, 5, frozenset(["Place", "Person"]), whole=True),
    )
    assert in_groups(SENTENCES[1], groups).entities == (Entity(0, 1, "Person"), Entity(3, 5, "Place"))


def test_words_count_for_their_possible_tags_in_part() -> None:
    tags = TagSet(TAXONOMY.labels)
    counts = GoldTags(tags, [KNOWN, SENTENCES[0]]).counts([2.0, 1.0])
    named = dict(zip(tags.tags, counts.tolist(), strict=True))
    assert named == {**dict.fromkeys(tags.tags, 0.0), "O": 11.0, "B-River": 2.0, "B-City": 2.0}


@pytest.mark.parametrize("decoder", ["crf", "softmax", "valid"])
def test_a_step_adds_up_sentences_with_and_without_sets(
    settings_for: Callable[..., Any], tmp_path: Path, decoder: str
) -> None:
    settings = settings_for(head={"decoder": decoder, "dropout": 0.0}, auxiliary={"schedule": "constant", "start": 0.4})
    train = [SENTENCES[0], SETS, SENTENCES[1], KNOWN]
    tuning = tuning_of(settings, tmp_path, train=train, weights=[1.0, 0.5, 1.0, 0.5])
    tagger, objective = tuning.tagger, tuning.trainer.objective
    tagger.network.eval()
    with torch.no_grad():
        together = objective.losses(range(4))
        expected = dict.fromkeys(together, 0.0)
        for i, sentence in enumerate(train):
            batch = collate([objective.pieces[i]], tagger.pieces)
            words = tagger.network.words(batch)
            for name, part in (("fine", tagger.network), ("coarse", tagger.network.auxiliary)):
                emissions, tags = batch.words.padded(part.emissions(words)), part.decoder.tags
                known = sentence if name == "fine" else in_groups(sentence, TAXONOMY.coarse_by_fine)
                if known.regions is None:
                    gold = torch.tensor([tags.encode(known.entities, len(known))])
                    loss = part.decoder.loss(emissions, batch.words.lengths, gold)
                else:
                    allowed = torch.zeros_like(emissions, dtype=torch.bool)
                    for word, ids in enumerate(tags.allowed_by(known.regions, len(known))):
                        allowed[0, word, ids] = True
                    loss = part.decoder.set_loss(emissions, batch.words.lengths, allowed)
                expected[name] += objective.sentence_weights[i] * float(loss)
    assert {name: float(loss) for name, loss in together.items()} == pytest.approx(expected, rel=1e-4)


def test_sets_can_be_learned_by_the_coarse_task_alone(settings_for: Callable[..., Any], tmp_path: Path) -> None:
    losses = {}
    for sets in ("both", "coarse"):
        auxiliary = {"schedule": "constant", "start": 0.4, "sets": sets}
        settings = settings_for(head={"decoder": "crf", "dropout": 0.0}, auxiliary=auxiliary)
        tuning = tuning_of(settings, tmp_path / sets, train=[SENTENCES[0], SETS])
        tuning.tagger.network.eval()
        with torch.no_grad():
            losses[sets] = [tuning.trainer.objective.losses([i]) for i in (0, 1)]
    assert losses["coarse"][0] == losses["both"][0]
    assert losses["coarse"][1]["coarse"] == losses["both"][1]["coarse"]
    assert losses["both"][1]["fine"] > 0.1
    assert float(losses["coarse"][1]["fine"]) == pytest.approx(0, abs=1e-4)


def test_a_model_learns_from_sets_which_label_a_word_has(settings_for: Callable[..., Any], tmp_path: Path) -> None:
    """In one sentence the rhine is a place, in the other it is a river or a person: only a river fits both."""
    one = Sentence(WORDS, (), regions=(Region(1, 2, PLACE, whole=True),))
    two = Sentence(WORDS, (), regions=(Region(1, 2, frozenset(["River", "Artist"]), whole=True),))
    settings = settings_for(train={"epochs": 40, "batch": 4, "groups": RATES})
    tuning = tuning_of(settings, tmp_path, train=[one, two], dev=[SENTENCES[0]])
    tuning.trainer.run(lambda _: None)
    (entities,) = tuning.tagger.tag([Sentence(WORDS)])
    assert [(e.start, e.end, e.label) for e in entities] == [(1, 2, "River")]
