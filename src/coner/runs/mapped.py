"""Evaluation on data with other labels: in the labels of the data, by a label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import Corpus
from coner.data.label_map import load_map
from coner.data.source_labels import SourceLabels
from coner.data.taxonomy import AUTO, choose_taxonomy
from coner.families.tagger import Tagger


def in_source_labels(
    gold: Corpus, rows: Sequence[Sequence[Entity]], name: str, *, taxonomy: str, tagger: Tagger | None
) -> tuple[Corpus, Sequence[Sequence[Entity]], str]:
    """Gold and predictions in the labels of gold, as far as they can be compared, and a note on those that cannot.

    The map of this name is from ``taxonomy``; ``auto``: that of the tagger, or of all predicted labels.
    ``DataError`` if it does not fit the taxonomy or the labels of the gold file.
    """
    labels = {entity.label for row in rows for entity in row}
    own = tagger.taxonomy if tagger is not None and taxonomy == AUTO else choose_taxonomy(taxonomy, labels)
    projection = load_map(name).onto(own)
    projection.check(gold)
    source = SourceLabels(projection)
    predicted = [source.predicted(sentence, row) for sentence, row in zip(gold, rows, strict=True)]
    kept = replace(gold, sentences=tuple(map(source.gold, gold)))
    numbers = counted(source.unscored_gold, "gold mention"), counted(source.unscored_predictions, "prediction")
    note = f"{gold.path}: scored in its own labels, by {projection.map.path}; not scored: {' and '.join(numbers)}"
    return kept, predicted, note


def check_labels(gold: Corpus, tagger: Tagger) -> None:
    """``DataError`` if the model can predict no label of the gold file."""
    if gold.labels and not set(gold.labels) & set(tagger.labels):
        some, known = ", ".join(gold.labels[:5]), ", ".join(tagger.labels[:5])
        fix = "Fix: name a label map with --map (coner data map lists the built-in ones)"
        raise DataError(f"got other labels ({some}) than the model predicts ({known}). {fix}", gold.path)
