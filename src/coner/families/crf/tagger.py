"""The feature CRF as a tagger: sparse weights, exact decoding, a model folder without pickle.

The weights of python-crfsuite are stored as plain arrays. Decoding is our own (``decoding.chain``): that of crfsuite
can return invalid tag sequences, and has no probabilities of spans.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from coner.core.errors import ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.decoding.spans import select_spans
from coner.families.crf.emissions import Emitter, Weights
from coner.families.crf.known import look_up
from coner.families.crf.settings import CrfManifest
from coner.families.files import ModelFiles
from coner.families.manifest import write_model
from coner.families.tagger import Prediction, Tagger
from coner.features import Extractor, Lexicon
from coner.features.known import Covers

WEIGHTS, FEATURES, LEXICON = "weights.npz", "features.json", "lexicon.json"
ARRAYS = {"starts": ("i", 1), "tags": ("i", 1), "values": ("f", 1), "transitions": ("f", 2)}
BATCH_WORDS = 2048  # bounds the memory of one pass


class CrfTagger(Tagger):
    """Finds entities by weighted features and a linear chain of tags.

    ``crf.features`` of the manifest's settings names all features. ``threshold`` is that of ``select_spans``; with
    ``None`` the best tag path is predicted. The labels and the scheme of the settings determine the tag ids.
    """

    kind = "crf"

    def __init__(self, weights: Weights, lexicon: Lexicon, manifest: CrfManifest) -> None:
        self.weights, self.manifest = weights, manifest
        self.labels, self.taxonomy = manifest.labels, manifest.taxonomy
        self.settings, self.threshold = manifest.settings, manifest.threshold
        self.tags = TagSet(self.labels, self.settings.crf.scheme)
        known = None if manifest.knowledge is None else self._look_up
        self.extractor = Extractor(self.settings.crf.features, lexicon, known=known)
        self._chain = Chain(self.tags, weights.transitions)
        self._emitter = Emitter(weights, self.extractor, len(self.tags))

    def _look_up(self, words: Sequence[str]) -> list[Covers]:
        if self.knowledge is None:
            used = "" if self.manifest.knowledge is None else self.manifest.knowledge.hash
            raise ModelError(f"expected the knowledge base {used}, with which it was trained")
        return look_up(self.knowledge, self.knowledge.types, words)

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The selected likely spans, or the entities of the best tag path; never repaired."""
        for sentence, entities in zip(sentences, self._decode(sentences, self._select), strict=True):
            yield Prediction(sentence, tuple(entities))

    def tag_scores(self, sentences: Sequence[Sentence]) -> Iterator[tuple[Chain, Scores]]:
        found: dict[int, Scores] = {}
        for group in _same_length(sentences):
            found |= zip(group, self.emissions([sentences[index] for index in group]), strict=True)
        return ((self._chain, found[index]) for index in range(len(sentences)))

    def likely_spans(self, sentences: Sequence[Sentence], threshold: float) -> list[list[Entity]]:
        """All spans of each sentence whose probability is at least the threshold; they may overlap."""
        return self._decode(sentences, lambda emissions: self._chain.likely_spans(emissions, threshold))

    def _select(self, emissions: Scores) -> Iterable[list[Entity]]:
        if self.threshold is None:
            return self._chain.decode(emissions)
        candidates = self._chain.likely_spans(emissions, self.threshold)
        return [select_spans(spans, self.threshold) for spans in candidates]

    def _decode(
        self, sentences: Sequence[Sentence], decode: Callable[[Scores], Iterable[list[Entity]]]
    ) -> list[list[Entity]]:
        found: list[list[Entity]] = [[] for _ in sentences]
        for group in _same_length(sentences):
            emissions = self.emissions([sentences[index] for index in group])
            for index, entities in zip(group, decode(emissions), strict=True):
                found[index] = entities
        return found

    def emissions(self, sentences: Sequence[Sentence]) -> Scores:
        """Scores of the tags of each word, for sentences of equal length. B x W x C"""
        return self._emitter([sentence.words for sentence in sentences])

    def save(self, folder: Path) -> None:
        """Write the model folder, all of it or nothing; ``OutputError`` if that fails."""
        update = {"threshold": self.threshold, "operating_point": self.operating_point}
        write_model(folder, self.manifest.model_copy(update=update), self._write_files)

    def _write_files(self, folder: Path) -> None:
        w = self.weights
        np.savez(folder / WEIGHTS, starts=w.starts, tags=w.tags, values=w.values, transitions=w.transitions)
        for name, value in ((FEATURES, list(w.features)), (LEXICON, self.extractor.lexicon.to_json())):
            (folder / name).write_text(json.dumps(value), encoding="ascii")  # ASCII escapes preserve lone surrogates
        self._embed_knowledge(self.settings.knowledge, folder)


def load(folder: Path, manifest: CrfManifest) -> CrfTagger:
    """Open the tagger of a model folder; ``ModelError`` if its files do not fit the manifest."""
    files = ModelFiles(folder, manifest)
    features, lexicon, arrays = files.json(FEATURES), files.json(LEXICON), files.arrays(WEIGHTS, ARRAYS)
    with files.reading(FEATURES):
        if not isinstance(features, list) or not all(isinstance(feature, str) for feature in features):
            raise ValueError("got other values; expected a list of texts")
    with files.reading(LEXICON):
        known = Lexicon.from_json(lexicon)
    with files.reading(WEIGHTS):
        return CrfTagger(Weights(tuple(features), **arrays), known, manifest)


def _same_length(sentences: Sequence[Sentence]) -> Iterator[list[int]]:
    """Groups of indices of sentences of equal length, which need no padding; at most ``BATCH_WORDS`` words each."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        if sentence.words:
            by_length[len(sentence)].append(index)
    for length, indices in by_length.items():
        size = max(1, BATCH_WORDS // length)
        for start in range(0, len(indices), size):
            yield indices[start : start + size]
