"""Select the labelled sentences that a prompt shows: none, a few fixed ones, random ones, or the most similar ones.

A sentence is never its own example, nor is one that differs in case only. The selection is deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from coner.core.errors import ConfigError, ModelError, requires_extra
from coner.core.files import atomic_write
from coner.core.types import Sentence
from coner.data.formats import formats
from coner.data.formats.jsonl import JsonlReader
from coner.data.taxonomy import Taxonomy
from coner.families.llm.settings import ExampleSettings

FILE = "examples.jsonl"
CANDIDATES = 4  # ranked for each example that is needed
TOLERANCE = 0.2  # with ``cover``: scores within this fraction of the best remaining one count as equally good
BATCH = 32  # sentences
MAX_TOKENS = 256  # of a sentence; the rest is ignored
Words = Sequence[str]
Ranker = Callable[[Words], Any]  # from the words of a sentence to an array of scores, one per sentence of the pool
Candidate = tuple[float, int]  # score of a sentence, and its index in the pool


class ExampleSelector:
    """Selects examples for a sentence; created by ``fit`` or ``load``."""

    def __init__(
        self, pool: Sequence[Sentence], settings: ExampleSettings, *, seed: int, offline: bool = False
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._pool = () if settings.choice == "none" else tuple(pool)
        self._ranker: Ranker | None = None
        if settings.choice == "fixed":
            self._pool = self._select_fixed()
        elif settings.choice == "bm25":
            self._ranker = bm25_ranker([sentence.words for sentence in self._pool])
        elif settings.choice == "encoder":
            self._ranker = encoder_ranker(
                [sentence.words for sentence in self._pool], settings.encoder, offline=offline
            )

    def __len__(self) -> int:
        return len(self._pool)

    @classmethod
    def fit(cls, sentences: Sequence[Sentence], settings: ExampleSettings, *, seed: int, taxonomy: Taxonomy) -> Self:
        """Take the labelled sentences whose labels are in the taxonomy, the first of several with the same words.

        Raises:
            ConfigError: examples are needed, and there are no such sentences.
            MissingExtra, ModelError: see ``bm25_ranker`` and ``encoder_ranker``.
        """
        pool: dict[tuple[str, ...], Sentence] = {}
        labels = set(taxonomy.labels)
        for sentence in sentences:
            if sentence.entities is not None and _labels(sentence) <= labels:
                pool.setdefault(word_key(sentence), sentence)
        if not pool and settings.choice != "none":
            raise ConfigError(
                f"examples.choice: got {settings.choice!r}, and none of {len(sentences)} sentences has labels of the "
                "taxonomy; expected labelled sentences. Fix: set data.train, or examples.choice=none"
            )
        return cls(tuple(pool.values()), settings, seed=seed)

    def select(self, sentence: Sentence) -> tuple[Sentence, ...]:
        """The examples for a sentence, best last; fewer than ``examples.count`` if the pool is too small."""
        own = word_key(sentence)
        if self._settings.choice in ("none", "fixed"):
            return tuple(example for example in self._pool if word_key(example) != own)
        candidates = [(score, index) for score, index in self._ranked(sentence) if word_key(self._pool[index]) != own]
        selected = self._covering(candidates) if self._settings.cover else candidates[: self._settings.count]
        return tuple(self._pool[index] for _, index in sorted(selected, key=lambda one: (one[0], -one[1])))

    def save(self, folder: Path) -> None:
        """Write the pool into a model folder, as JSONL; without examples there is no file."""
        if self._settings.choice != "none":
            with atomic_write(folder / FILE) as handle:
                formats["jsonl"].write_text(self._pool, handle)

    @classmethod
    def load(cls, folder: Path, settings: ExampleSettings, *, seed: int, taxonomy: Taxonomy) -> Self:
        """Read the pool of a model folder, and rebuild its index.

        Raises:
            ModelError: the file is missing.
            DataError: the file cannot be read, or has a label that is not in the taxonomy.
        """
        if settings.choice == "none":
            return cls((), settings, seed=seed)
        if not (path := folder / FILE).is_file():
            raise ModelError(f"{path}: the file is missing; the model folder is damaged. Fix: train again")
        pool = tuple(JsonlReader(path, labels=taxonomy.labels, gold=True))
        return cls(pool, settings, seed=seed, offline=True)  # the model may be untrusted

    def _ranked(self, sentence: Sentence) -> list[Candidate]:
        count = min(len(self._pool), self._settings.count * CANDIDATES + 1)  # one may be the sentence itself
        if self._ranker is None:
            return [(1.0, index) for index in _random(self._seed, sentence).sample(range(len(self._pool)), count)]
        scores = self._ranker(sentence.words)
        return [(float(scores[index]), int(index)) for index in (-scores).argsort(kind="stable")[:count]]

    def _covering(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        rest, selected, shown = list(candidates), list[Candidate](), set[str]()
        while rest and len(selected) < self._settings.count:
            minimum = rest[0][0] - TOLERANCE * abs(rest[0][0])
            near = [candidate for candidate in rest if candidate[0] >= minimum]
            best = max(near, key=lambda one: len(_labels(self._pool[one[1]]) - shown))  # the first if tied
            shown |= _labels(self._pool[best[1]])
            rest.remove(best)
            selected.append(best)
        return selected

    def _select_fixed(self) -> tuple[Sentence, ...]:
        # The order depends on the words of each sentence only, so a saved selection is selected again after loading.
        rest = sorted(self._pool, key=lambda sentence: _random(self._seed, sentence).random())
        if not self._settings.cover:
            return tuple(rest[: self._settings.count])
        rest.sort(key=len)  # each one adds the most classes, the shortest if tied
        selected, shown = list[Sentence](), set[str]()
        while rest and len(selected) < self._settings.count:
            best = max(rest, key=lambda sentence: len(_labels(sentence) - shown))
            if selected and shown and not _labels(best) - shown:
                shown = set()  # all classes are covered: start over
                continue
            rest.remove(best)
            selected.append(best)
            shown |= _labels(best)
        return tuple(selected)


def _random(seed: int, sentence: Sentence) -> random.Random:
    return random.Random(f"{seed} {' '.join(sentence.words)}")


def word_key(sentence: Sentence) -> tuple[str, ...]:
    """The words without case: sentences with equal keys count as the same."""
    return tuple(word.casefold() for word in sentence.words)


def _labels(sentence: Sentence) -> set[str]:
    return {entity.label for entity in sentence.entities or ()}


def bm25_ranker(pool: Sequence[Words]) -> Ranker:
    """BM25 scores of shared words, ignoring case; ``MissingExtra`` if bm25s is not installed."""
    with requires_extra("examples.choice = 'bm25'", "llm"):
        import bm25s
    index = bm25s.BM25()
    index.index([_fold(words) for words in pool], show_progress=False)
    return lambda words: index.get_scores(_fold(words))


def _fold(words: Words) -> list[str]:
    return [word.casefold() for word in words]


def encoder_ranker(pool: Sequence[Words], name: str, *, offline: bool = False) -> Ranker:
    """Cosine similarities of mean-pooled vectors of an encoder's last layer; ``name`` is a short name or a folder.

    ``offline`` looks for a hub name in the cache only.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ModelError: the encoder cannot be loaded.
    """
    with requires_extra("examples.choice = 'encoder'", "encoder"):
        import numpy as np
        import torch

        from coner.families.encoder.backbone.pretrained import load_encoder

    model, tokenizer = load_encoder(name, offline=offline)
    model.train(mode=False)
    positions = getattr(model.config, "max_position_embeddings", MAX_TOKENS)
    longest = min(MAX_TOKENS, positions - 2)  # RoBERTa counts positions from 2

    def encode_batch(texts: list[str]) -> Any:
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state  # B x P x H
            means = [row[real].mean(0) for row, real in zip(hidden, tokens["attention_mask"].bool(), strict=True)]
            return torch.nn.functional.normalize(torch.stack(means), dim=-1).numpy()

    def encode(sentences: Sequence[Words]) -> Any:  # B x H
        order = np.argsort([len(words) for words in sentences], kind="stable")  # little padding
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        vectors = np.concatenate([encode_batch([" ".join(sentences[i]) for i in batch]) for batch in batches])
        return vectors[np.argsort(order)]

    vectors = encode(pool)
    return lambda words: (vectors @ encode([words])[0]).round(6)
