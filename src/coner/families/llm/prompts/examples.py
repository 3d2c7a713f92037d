"""Which labelled sentences stand in a prompt: none, a few fixed ones, others for each sentence, or those most like it.

``cover`` takes, among candidates that are about as good, the one with the most classes that are not shown yet. A
sentence is never its own example, nor one with the same words, case aside. Equal input gives equal examples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from coner.core.errors import ConfigError, ModelError
from coner.core.files import atomic_write
from coner.core.types import Sentence
from coner.data.formats.jsonl import JsonlReader, write_jsonl
from coner.data.taxonomy import Taxonomy
from coner.families.llm.prompts.rankers import Bm25, Encoded, Ranker
from coner.families.llm.settings import ExampleSettings

FILE = "examples.jsonl"
WIDE = 4  # candidates for each example
FAR = 0.2  # of the best score that is left: what is less than this below it is about as good

Candidate = tuple[float, int]
"""Score and place in the pool."""


class Examples:
    """Chosen sentences for a sentence; made by ``fit`` or ``load``.

    Args:
        pool: to choose from; labelled, no two with the same words, case aside.
        settings: how.
        seed: of what is random.
    """

    def __init__(self, pool: Sequence[Sentence], settings: ExampleSettings, *, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._pool = tuple(pool)
        self._ranker: Ranker | None = None
        if settings.choice == "none":
            self._pool = ()
        elif settings.choice == "fixed":
            self._pool = self._fixed()
        elif settings.choice == "bm25":
            self._ranker = Bm25([sentence.words for sentence in self._pool])
        elif settings.choice == "encoder":
            self._ranker = Encoded([sentence.words for sentence in self._pool], settings.encoder)

    def __len__(self) -> int:
        return len(self._pool)

    @classmethod
    def fit(
        cls, sentences: Sequence[Sentence], settings: ExampleSettings, *, seed: int, taxonomy: Taxonomy
    ) -> Examples:
        """Examples out of training sentences.

        Those without labels, or with a label that the taxonomy has not, are left out; of those with the same words, the
        first is taken.

        Raises:
            ConfigError: none is left, and some are asked for.
            MissingExtra: the packages of ``bm25`` or ``encoder`` are not installed.
            ModelError: the encoder cannot be loaded.
        """
        pool: dict[tuple[str, ...], Sentence] = {}
        labels = set(taxonomy.labels)
        for sentence in sentences:
            if sentence.entities is not None and {entity.label for entity in sentence.entities} <= labels:
                pool.setdefault(word_key(sentence), sentence)
        if not pool and settings.choice != "none":
            raise ConfigError(
                f"examples.choice: {settings.choice!r} needs labelled sentences with classes of the taxonomy, and of "
                f"{len(sentences)} there is none; set data.train, or examples.choice=none"
            )
        return cls(tuple(pool.values()), settings, seed=seed)

    def choose(self, sentence: Sentence) -> tuple[Sentence, ...]:
        """Examples for a sentence, best last; fewer than asked for where the pool has no more."""
        own = word_key(sentence)
        if self._settings.choice in ("none", "fixed"):
            return tuple(example for example in self._pool if word_key(example) != own)
        candidates = [(score, index) for score, index in self._ranked(sentence) if word_key(self._pool[index]) != own]
        chosen = self._covering(candidates) if self._settings.cover else candidates[: self._settings.count]
        return tuple(self._pool[index] for _, index in sorted(chosen, key=lambda one: (one[0], -one[1])))

    def save(self, folder: Path) -> None:
        """Into a model folder, as JSONL; an index is made again by ``load``. Without examples there is no file.

        Raises:
            OutputError: it cannot be written.
        """
        if self._settings.choice == "none":
            return
        with atomic_write(folder / FILE) as handle:
            write_jsonl(self._pool, handle)

    @classmethod
    def load(cls, folder: Path, settings: ExampleSettings, *, seed: int, taxonomy: Taxonomy) -> Examples:
        """The examples of a model folder.

        Raises:
            ModelError: they are missing.
            DataError: they cannot be read, or hold a label that is not in the taxonomy.
            MissingExtra: as ``fit``.
        """
        path = folder / FILE
        if settings.choice == "none":
            return cls((), settings, seed=seed)
        if not path.is_file():
            raise ModelError(f"{path}: is missing; the model folder is damaged, train again")
        return cls(tuple(JsonlReader(path, labels=taxonomy.labels, gold=True)), settings, seed=seed)

    def _ranked(self, sentence: Sentence) -> list[Candidate]:
        """The best candidates, best first; one more than needed, for it may be the sentence itself."""
        wanted = min(len(self._pool), self._settings.count * WIDE + 1)
        if self._ranker is not None:
            return self._ranker.best(sentence.words, wanted)
        return [(1.0, index) for index in _draw(self._seed, sentence).sample(range(len(self._pool)), wanted)]

    def _covering(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        left, chosen, shown = list(candidates), list[Candidate](), set[str]()
        while left and len(chosen) < self._settings.count:
            least = left[0][0] - FAR * abs(left[0][0])
            near = [candidate for candidate in left if candidate[0] >= least]
            best = max(near, key=lambda one: len(_classes(self._pool[one[1]]) - shown))  # the first of equal ones
            shown |= _classes(self._pool[best[1]])
            left.remove(best)
            chosen.append(best)
        return chosen

    def _fixed(self) -> tuple[Sentence, ...]:
        """A few in a random order; with ``cover`` each one adds the most classes, the shorter first."""
        # The order of each sentence hangs on its own words, so that a saved choice is chosen again when it is loaded.
        ordered = sorted(self._pool, key=lambda sentence: _draw(self._seed, sentence).random())
        if not self._settings.cover:
            return tuple(ordered[: self._settings.count])
        ordered.sort(key=len)
        chosen, shown = list[Sentence](), set[str]()
        while ordered and len(chosen) < self._settings.count:
            best = max(ordered, key=lambda sentence: len(_classes(sentence) - shown))
            if chosen and shown and not _classes(best) - shown:
                shown = set()  # all are covered: once more
                continue
            ordered.remove(best)
            chosen.append(best)
            shown |= _classes(best)
        return tuple(chosen)


def _draw(seed: int, sentence: Sentence) -> random.Random:
    """The same for the same words, on every machine."""
    return random.Random(f"{seed} {' '.join(sentence.words)}")


def word_key(sentence: Sentence) -> tuple[str, ...]:
    """What makes two sentences the same."""
    return tuple(word.casefold() for word in sentence.words)


def _classes(sentence: Sentence) -> set[str]:
    return {entity.label for entity in sentence.entities or ()}
