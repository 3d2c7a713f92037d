"""The feature CRF as a tagger: sparse weights, exact decoding, a folder without pickle.

python-crfsuite fits the weights (``training.crf``); from there on they are plain arrays. Decoding is our own, since
crfsuite's may give sequences that no scheme allows, and knows no probability of a span: here both come from one
chain whose forbidden moves are shut, so that nothing ever needs repair.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from coner.core.errors import ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.chain import Chain, Scores
from coner.decoding.select import select_spans
from coner.families.crf.emissions import Emitter, Weights
from coner.families.crf.settings import CrfExperiment, CrfManifest
from coner.families.manifest import write_model
from coner.families.tagger import Prediction, Tagger
from coner.features import Extractor, Lexicon

WEIGHTS, FEATURES, LEXICON = "weights.npz", "features.json", "lexicon.json"
BATCH_WORDS = 2048  # words in one pass: bounds its memory


class CrfTagger(Tagger):
    """Finds entities by weighted features and a chain of tags.

    Args:
        weights: of features and transitions.
        lexicon: what the features look up.
        labels: those that it was trained on; with the settings' scheme they fix the tag ids.
        taxonomy: of the labels.
        settings: of the experiment; ``crf.features`` names every feature.
        threshold: what the probability of a mention must exceed, see ``choice.choose``; none: the best path of tags.
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
        threshold: float | None = None,
    ) -> None:
        self.weights = weights
        self.labels = tuple(labels)
        self.taxonomy = taxonomy
        self.settings = settings
        self.threshold = threshold
        self.tags = TagSet(self.labels, settings.crf.scheme)
        self.extractor = Extractor(settings.crf.features, lexicon)
        self._chain = Chain(self.tags, weights.transitions)
        self._emitter = Emitter(weights, self.extractor, len(self.tags))

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The likely mentions above the threshold, or those of the best path of tags; nothing ever needs repair."""
        for sentence, entities in zip(sentences, self._entities(sentences), strict=True):
            yield Prediction(sentence, tuple(entities))

    def _entities(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        if self.threshold is None:
            return self._each(sentences, self._chain.decode)
        threshold = self.threshold

        def chosen(emissions: Scores) -> Iterator[list[Entity]]:
            return (select_spans(spans, threshold) for spans in self._chain.likely_spans(emissions, threshold))

        return self._each(sentences, chosen)

    def spans(self, sentences: Sequence[Sentence], least: float) -> list[list[Entity]]:
        """Of each sentence all mentions that are at least so likely; they may overlap."""
        return self._each(sentences, lambda emissions: iter(self._chain.likely_spans(emissions, least)))

    def _each(
        self, sentences: Sequence[Sentence], read: Callable[[Scores], Iterator[list[Entity]]]
    ) -> list[list[Entity]]:
        found: list[list[Entity]] = [[] for _ in sentences]
        for group in _same_length(sentences):
            emissions = self.emissions([sentences[index] for index in group])
            for index, entities in zip(group, read(emissions), strict=True):
                found[index] = entities
        return found

    def emissions(self, sentences: Sequence[Sentence]) -> Scores:
        """Scores of the tags at each word, for sentences of one length. B x W x C."""
        return self._emitter([sentence.words for sentence in sentences])

    def save(self, folder: Path) -> None:
        """Write the model folder, whole or not at all; ``OutputError`` where that fails."""
        manifest = CrfManifest(
            kind=self.kind,
            labels=self.labels,
            taxonomy=self.taxonomy,
            settings=self.settings,
            threshold=self.threshold,
        )
        write_model(folder, manifest, self._write_files)

    def _write_files(self, folder: Path) -> None:
        w = self.weights
        np.savez(folder / WEIGHTS, starts=w.starts, tags=w.tags, values=w.values, transitions=w.transitions)
        for name, value in ((FEATURES, list(w.features)), (LEXICON, self.extractor.lexicon.to_json())):
            (folder / name).write_text(json.dumps(value), encoding="ascii")  # escapes keep lone surrogates whole


def load(folder: Path, manifest: CrfManifest) -> CrfTagger:
    """Open the tagger of a model folder; ``ModelError`` if its files do not fit the manifest."""
    try:
        features = tuple(json.loads((folder / FEATURES).read_text(encoding="ascii")))
        with np.load(folder / WEIGHTS, allow_pickle=False) as arrays:
            weights = Weights(features, arrays["starts"], arrays["tags"], arrays["values"], arrays["transitions"])
        lexicon = Lexicon.from_json(json.loads((folder / LEXICON).read_text(encoding="ascii")))
        return CrfTagger(
            weights,
            lexicon,
            labels=manifest.labels,
            taxonomy=manifest.taxonomy,
            settings=manifest.settings,
            threshold=manifest.threshold,
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
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
