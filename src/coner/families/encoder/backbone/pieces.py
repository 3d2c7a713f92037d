"""Words to word pieces, and long sentences to overlapping windows; with a tokenizer of whichever library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from coner.core.errors import ConfigError

LONGEST_WINDOW = 512  # attention costs the square of it; encoders that take more may be told so in the config
COUNT_FROM_PADDING = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}
CACHE_WORDS = 500_000  # bounds the memory of a long tagging run


class Tokenizer(Protocol):
    """What is asked of a tokenizer, in the words of transformers."""

    @property
    def pad_token_id(self) -> int | None: ...
    @property
    def unk_token_id(self) -> int | None: ...
    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> Mapping[str, Any]:
        """A text to ``input_ids``, a list of ids; a list of texts to a list of such lists."""
        ...


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one sentence, without special tokens.

    Attributes:
        ids: all pieces in order. P
        counts: how many belong to each word, at least one. W
    """

    ids: list[int]
    counts: list[int]


@dataclass(frozen=True, slots=True)
class Window:
    """One pass over part of a sentence: pieces ``start:end`` go in, the vectors of ``keep_from:keep_to`` are used."""

    start: int
    end: int
    keep_from: int
    keep_to: int


class PieceMaker:
    """Cuts words into pieces, each word by itself, as in the middle of a text.

    A word's pieces do not depend on its neighbours, so each word type is cut once. A word of which the tokenizer makes
    nothing (a lone zero-width or variation character) gets the unknown piece: every word has a vector.

    Args:
        tokenizer: any tokenizer of transformers, or what answers like one.
        limit: most pieces that the encoder takes in one pass, special tokens included.
        overlap: which part of a window the next one repeats, below 1.
        lowercase: lower-case words first.
        cache: pieces of the words met so far, to be shared by makers with the same tokenizer and case; filled here.

    Raises:
        ConfigError: the limit leaves no room for a piece.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        limit: int,
        overlap: float = 0.5,
        lowercase: bool = False,
        cache: dict[str, list[int]] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.prefix, self.suffix = special_tokens(tokenizer)
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else self.pad
        self.window = limit - len(self.prefix) - len(self.suffix)
        if self.window < 1:
            specials = len(self.prefix) + len(self.suffix)
            raise ConfigError(f"encoder.window: {limit} leaves no room beside {specials} special tokens; expected more")
        self.stride = max(1, round(self.window * (1 - overlap)))
        self._cache: dict[str, list[int]] = {} if cache is None else cache

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[Pieces]:
        """The pieces of each sentence."""
        # Looked up once: other threads may use the cache, and clear it.
        every = dict.fromkeys(word for words in sentences for word in words)
        known = {word: ids for word in every if (ids := self._cache.get(word)) is not None}
        new = [word for word in every if word not in known]
        if len(self._cache) + len(new) > CACHE_WORDS:
            self._cache.clear()
        if new:
            # The space before it tells byte-level vocabularies that a word begins here; the others ignore it.
            texts = [" " + (word.lower() if self.lowercase else word) for word in new]
            cut = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
            found = {word: ids or [self.unknown] for word, ids in zip(new, cut, strict=True)}
            known.update(found)
            self._cache.update(found)
        made = []
        for words in sentences:
            parts = [known[word] for word in words]
            made.append(Pieces([i for part in parts for i in part], [len(part) for part in parts]))
        return made

    def windows(self, pieces: int) -> list[Window]:
        """Windows over a sentence of so many pieces; each piece is kept from where it has the most context."""
        starts = [0]
        while starts[-1] + self.window < pieces:
            starts.append(min(starts[-1] + self.stride, pieces - self.window))
        borders = [0, *((b + a + self.window) // 2 for a, b in pairwise(starts)), pieces]
        return [
            Window(start, min(start + self.window, pieces), borders[i], borders[i + 1])
            for i, start in enumerate(starts)
        ]


def special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a sentence, read off an example."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    if not bare:
        raise ConfigError("the tokenizer makes nothing of a letter; expected one of the encoder's own")
    for at in range(len(whole) - len(bare) + 1):
        if whole[at : at + len(bare)] == bare:
            return whole[:at], whole[at + len(bare) :]
    return [], []


def piece_limit(config: object, window: int = 0) -> int:
    """Most pieces in one pass: the encoder's own limit, and no more than ``window`` (0: ``LONGEST_WINDOW``).

    Args:
        config: the encoder's; models of RoBERTa's kind count positions from after the padding's.
        window: what the user asked for.
    """
    positions = int(getattr(config, "max_position_embeddings", LONGEST_WINDOW))
    if getattr(config, "model_type", "") in COUNT_FROM_PADDING:
        positions -= int(getattr(config, "pad_token_id", None) or 0) + 1
    return min(positions, window or LONGEST_WINDOW)
