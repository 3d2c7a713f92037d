"""Tagging the validation part in shares, one a process."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from coner.core.types import Entity, Sentence
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.team import Team


def tag_in_shares(tagger: EncoderTagger, sentences: Sequence[Sentence], team: Team) -> list[list[Entity]]:
    """The entities of all sentences, the same in every process, each having tagged its share.

    Of several processes the entities come without scores: what is judged, spans and labels, has them no part.
    """
    if team.count == 1:
        return tagger.tag(sentences)
    places = team.share(range(len(sentences)))
    found = tagger.tag([sentences[place] for place in places])
    ids = {label: i for i, label in enumerate(tagger.labels)}
    rows = [
        (place, entity.start, entity.end, ids[entity.label])
        for place, entities in zip(places, found, strict=True)
        for entity in entities
    ]
    every: list[list[Entity]] = [[] for _ in sentences]
    for place, start, end, label in team.gather(torch.tensor(rows, device=team.device).view(-1, 4).long()).tolist():
        every[place].append(Entity(start, end, tagger.labels[label]))
    return every
