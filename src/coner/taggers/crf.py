"""The feature CRF as a tagger: sparse weights, exact decoding, a folder without pickle.

python-crfsuite fits the weights (``training.crf``); from there on they are plain arrays. Decoding is our own, since
crfsuite's may give sequences that no scheme allows, and knows no probability of a span: here both come from one
chain whose forbidden moves are shut, so that nothing ever needs repair.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coner.config import CrfExperiment, parse_experiment
from coner.data.taxonomy import Taxonomy
from coner.errors import ConfigError, ModelError
from coner.features import Extractor, Lexicon
from coner.taggers.chain import Chain, Scores
from coner.taggers.folder import write_model
from coner.tags import TagSet
from coner.types import Entity, Sentence

WEIGHTS, FEATURES, LEXICON = "weights.npz", "features.json", "lexicon.json"
BATCH_WORDS = 2048  # words in one pass: bounds its memory


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature adds to the score of each tag, sparse by feature.

    Attributes:
        features: F strings; their order numbers them.
        starts: F + 1; feature f has the entries ``starts[f]`` up to ``starts[f + 1]``.
        tags: for each entry a tag id.
        values: for each entry a weight.
        transitions: C x C, from tag to tag.
    """

    features: tuple[str, ...]
    starts: NDArray[np.int64]
    tags: NDArray[np.int16]
    values: NDArray[np.float32]
    transitions: Scores


class CrfTagger:
    """Finds entities by weighted features and a chain of tags.

    Args:
        weights: of features and transitions.
        lexicon: what the features look up.
        labels: those that it was trained on; with the settings' scheme they fix the tag ids.
        taxonomy: of the labels.
        settings: of the experiment; ``crf.features`` names every feature.
        shift: added to the score of O everywhere: below zero, more is found and less of it is right.
    """

    kind = "crf"

    def __init__(
        self,
        weights: Weights,
        lexicon: Lexicon,
        *,
        labels: Sequence[str],
        taxonomy: Taxonomy,
        settings: CrfExperiment,
        shift: float = 0.0,
    ) -> None:
        self.weights = weights
        self.labels = tuple(labels)
        self.taxonomy = taxonomy
        self.settings = settings
        self.shift = shift
        self.repaired = 0
        self.tags = TagSet(self.labels, settings.crf.scheme)
        self.extractor = Extractor(settings.crf.features, lexicon)
        self._chain = Chain(self.tags, weights.transitions)
        self._ids = {feature: index for index, feature in enumerate(weights.features)}

    def tag(
        self, sentences: Sequence[Sentence], *, advance: Callable[[int], object] | None = None
    ) -> list[list[Entity]]:
        """Entities of each sentence, in order; ``advance`` is told how many sentences are done, as they are done."""
        found: list[list[Entity]] = [[] for _ in sentences]
        for group in _same_length(sentences):
            emissions = self.emissions([sentences[index] for index in group])
            emissions[:, :, 0] += self.shift
            for index, entities in zip(group, self._decode(emissions), strict=True):
                found[index] = entities
            if advance is not None:
                advance(len(group))
        return found

    def _decode(self, emissions: Scores) -> Iterator[list[Entity]]:
        alpha, beta = self._chain.forward(emissions), self._chain.backward(emissions)
        for row, path in enumerate(self._chain.best(emissions).tolist()):
            sums = (emissions[row], alpha[row], beta[row])
            entities, _ = self.tags.decode(path)
            yield [Entity(e.start, e.end, e.label, self._chain.probability(*sums, e)) for e in entities]

    def emissions(self, sentences: Sequence[Sentence]) -> Scores:
        """Scores of the tags at each word, the shift left out, for sentences of one length. B x W x C."""
        w, ids = self.weights, self._ids
        rows = [row for sentence in sentences for row in self.extractor(sentence.words)]
        known = [[ids[feature] for feature in row if feature in ids] for row in rows]
        features = np.fromiter(chain.from_iterable(known), dtype=np.int64)
        words = np.repeat(np.arange(len(rows)), [len(row) for row in known])
        sizes = w.starts[features + 1] - w.starts[features]
        # All entries of all features on one line: where each feature's begin, and the count from there.
        entries = np.repeat(w.starts[features] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        cells = np.repeat(words, sizes) * len(self.tags) + w.tags[entries]
        sums = np.bincount(cells, weights=w.values[entries], minlength=len(rows) * len(self.tags)).astype(np.float64)
        return sums.reshape(len(sentences), -1, len(self.tags))

    def save(self, folder: Path) -> None:
        """Write the model folder, whole or not at all; ``OutputError`` where that fails."""
        card = {
            "kind": self.kind,
            "labels": list(self.labels),
            "taxonomy": self.taxonomy.as_dict(),
            "settings": self.settings.model_dump(mode="json"),
            "shift": self.shift,
        }
        write_model(folder, card, self._write_files)

    def _write_files(self, folder: Path) -> None:
        w = self.weights
        np.savez(folder / WEIGHTS, starts=w.starts, tags=w.tags, values=w.values, transitions=w.transitions)
        for name, value in ((FEATURES, list(w.features)), (LEXICON, self.extractor.lexicon.to_json())):
            (folder / name).write_text(json.dumps(value), encoding="ascii")  # escapes keep lone surrogates whole


def load(folder: Path, card: dict[str, Any]) -> CrfTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``; ``ModelError`` where its files do not fit it."""
    try:
        settings = parse_experiment(card["settings"], source=f"{folder}/model.json")
        if not isinstance(settings, CrfExperiment):
            raise ValueError("its settings are not those of a CRF")
        features = tuple(json.loads((folder / FEATURES).read_text(encoding="ascii")))
        with np.load(folder / WEIGHTS, allow_pickle=False) as arrays:
            weights = Weights(features, arrays["starts"], arrays["tags"], arrays["values"], arrays["transitions"])
        lexicon = Lexicon.from_json(json.loads((folder / LEXICON).read_text(encoding="ascii")))
        taxonomy = Taxonomy.from_dict(card["taxonomy"])
        shift = float(card["shift"])
        return CrfTagger(weights, lexicon, labels=card["labels"], taxonomy=taxonomy, settings=settings, shift=shift)
    except (KeyError, TypeError, ValueError, OSError, ConfigError) as error:
        raise ModelError(f"{folder}: its files do not fit model.json ({error}); train it again") from None


def _same_length(sentences: Sequence[Sentence]) -> Iterator[list[int]]:
    """Indices of sentences of one length, in groups of a bounded number of words: no padding, no masks."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        if sentence.words:
            by_length[len(sentence)].append(index)
    for length, indices in by_length.items():
        size = max(1, BATCH_WORDS // length)
        for start in range(0, len(indices), size):
            yield indices[start : start + size]
