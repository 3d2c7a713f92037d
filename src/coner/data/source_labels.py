"""Predictions of fine labels in the labels of a source, to be scored on what its annotation says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from coner.core.types import Entity, Sentence
from coner.data.label_map import Projection


class SourceLabels:
    """Projects fine labels to those of a source, and counts what cannot be scored.

    A prediction gets the label of the gold mention of its words if the map allows that, else the first label of the map
    that may stand for its own. Not scored, as the source does not say whether it is right, is a prediction that touches
    no gold mention and whose label the source does not annotate, or that touches a mention which may be none.
    """

    def __init__(self, projection: Projection) -> None:
        self._map = projection
        self._first: dict[str, str] = {}
        for label, fine in projection.sets.items():
            if label not in projection.optional:
                self._first = {**dict.fromkeys(fine, label), **self._first}
        self.unscored_gold = self.unscored_predictions = 0  # so far

    def gold(self, sentence: Sentence) -> Sentence:
        """The sentence with the mentions that are mentions for the taxonomy too."""
        kept = tuple(e for e in sentence.entities or () if self._is_scored(e))
        self.unscored_gold += len(sentence.entities or ()) - len(kept)
        return replace(sentence, entities=kept)

    def predicted(self, sentence: Sentence, entities: Iterable[Entity]) -> list[Entity]:
        """The predictions for a sentence with its own gold mentions, in the labels of the source."""
        gold = sentence.entities or ()
        exact = {(e.start, e.end): e.label for e in gold if self._is_scored(e)}
        found = []
        for entity in entities:
            touched = [e for e in gold if e.start < entity.end and entity.start < e.end]
            if self._is_unsaid(entity, touched):
                self.unscored_predictions += 1
                continue
            label = exact.get((entity.start, entity.end), "")
            if entity.label not in self._map.sets.get(label, ()):
                label = self._first.get(entity.label, entity.label)
            found.append(replace(entity, label=label))
        return found

    def _is_scored(self, entity: Entity) -> bool:
        return bool(self._map.sets[entity.label]) and entity.label not in self._map.optional

    def _is_unsaid(self, entity: Entity, touched: Sequence[Entity]) -> bool:
        if not touched:
            return entity.label in self._map.unlabelled
        return any(e.label in self._map.optional for e in touched)
