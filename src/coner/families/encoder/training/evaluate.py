"""Evaluation after an epoch: each process tags a shard of the dev split."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from coner.core.types import Entity, Sentence
from coner.evaluation.score import Level, score_sentences
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.tagger import Tagger


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], processes: ProcessGroup) -> Level:
    """The scores of fine labels, the same in every process."""
    return score_sentences(sentences, tag_sharded(tagger, sentences, processes)).fine


def tag_sharded(tagger: Tagger, sentences: Sequence[Sentence], processes: ProcessGroup) -> list[list[Entity]]:
    """The entities of all sentences, the same in every process; of several processes, without confidences."""
    if processes.count == 1:
        return tagger.tag(sentences)
    shard = processes.shard(range(len(sentences)))
    predicted = tagger.tag([sentences[index] for index in shard])
    ids = {label: i for i, label in enumerate(tagger.labels)}
    rows = [
        (index, entity.start, entity.end, ids[entity.label])
        for index, entities in zip(shard, predicted, strict=True)
        for entity in entities
    ]
    entities: list[list[Entity]] = [[] for _ in sentences]
    table = torch.tensor(rows, device=processes.device).view(-1, 4).long()
    for index, start, end, label in processes.gather(table).tolist():
        entities[index].append(Entity(start, end, tagger.labels[label]))
    return entities
