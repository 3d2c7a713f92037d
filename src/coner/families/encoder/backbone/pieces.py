"""Words to pieces (the subword tokens of the encoder), and long sentences to overlapping windows; without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Protocol

from coner.core.errors import ConfigError, ModelError
from coner.core.native import is_panic, panics_as_errors
from coner.knowledge.typed import TypedMatch

LONGEST_WINDOW = 512  # the cost of attention is quadratic; the config can raise this if the encoder takes more
COUNT_FROM_PADDING = {"camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"}
CACHE_WORDS = 500_000  # limits the memory of a long tagging run
Cache = dict[str, list[int]]  # pieces by word


class Tokenizer(Protocol):
    """The interface of a transformers tokenizer that is used here."""

    @property
    def pad_token_id(self) -> int | None: ...
    @property
    def unk_token_id(self) -> int | None: ...
    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> Mapping[str, Any]:
        """The ``input_ids`` of a text, or of each text of a list."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one sentence, without special tokens."""

    ids: list[int]  # all pieces in order. P
    counts: list[int]  # number of pieces of each word, at least one. W
    matches: tuple[TypedMatch, ...] = ()  # with a knowledge base: its names in the sentence
    notes: tuple[tuple[int, ...], ...] = ()  # pieces of text about each match; empty without ``knowledge.text``
    max_note_pieces: int = 0  # how many pieces of notes the encoder reads

    @property
    def text(self) -> list[int]:
        """The second segment of the encoder's input: the notes, truncated."""
        return [*chain(*self.notes)][: self.max_note_pieces]

    @property
    def size(self) -> int:
        """Number of pieces that the encoder reads, without special tokens."""
        return len(self.ids) + min(self.max_note_pieces, sum(map(len, self.notes)))


@dataclass(frozen=True, slots=True)
class Window:
    """One pass over a range of a sentence: its input is ``start:end``, its output is kept for ``keep_from:keep_to``."""

    start: int
    end: int
    keep_from: int
    keep_to: int


class PieceMaker:
    """Tokenizes each word by itself, as if in the middle of a text.

    The pieces of a word do not depend on its neighbours, so each distinct word is tokenized once. A word without pieces
    (a lone zero-width character) gets the unknown piece, so that every word has a vector.

    ``ConfigError`` if the limit leaves no room for a piece.

    Args:
        tokenizer: of transformers, or one with the same interface.
        limit: maximum number of pieces per pass of the encoder, special tokens included.
        overlap: fraction of a window that the next one repeats, below 1.
        lowercase: lower-case words first.
        cache: filled here; tokenizers with the same vocabulary and case may share it.
        vocabulary: number of pieces that the encoder knows; ``ModelError`` for a piece beyond it. ``None``: any.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        limit: int,
        overlap: float = 0.5,
        lowercase: bool = False,
        cache: Cache | None = None,
        vocabulary: int | None = None,
    ) -> None:
        self.tokenizer, self.lowercase, self.vocabulary = tokenizer, lowercase, vocabulary
        self.prefix, self.suffix = special_tokens(tokenizer)
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else self.pad
        self._check([*self.prefix, *self.suffix, self.pad, self.unknown])
        specials = len(self.prefix) + len(self.suffix)
        self.window = limit - specials
        if self.window < 1:
            raise ConfigError(f"encoder.window: got {limit}; expected more than the {specials} special tokens")
        self.stride = max(1, round(self.window * (1 - overlap)))
        self._cache: Cache = {} if cache is None else cache

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[Pieces]:
        """The pieces of each sentence."""
        # Each word is looked up once, since other threads may clear the cache.
        words = dict.fromkeys(word for sentence in sentences for word in sentence)
        known = {word: ids for word in words if (ids := self._cache.get(word)) is not None}
        new = [word for word in words if word not in known]
        if len(self._cache) + len(new) > CACHE_WORDS:
            self._cache.clear()
        if new:
            # Byte-level vocabularies need the space to know that a word begins here; others ignore it.
            texts = [" " + (word.lower() if self.lowercase else word) for word in new]
            ids_of_new = self._tokenize(texts)
            for ids in ids_of_new:
                self._check(ids)
            tokenized = {word: ids or [self.unknown] for word, ids in zip(new, ids_of_new, strict=True)}
            known.update(tokenized)
            self._cache.update(tokenized)
        by_word = [[known[word] for word in sentence] for sentence in sentences]
        return [Pieces([*chain(*words)], [len(ids) for ids in words]) for words in by_word]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        try:
            ids = self._ids(texts)
        except BaseException as error:  # the tokenizers' own is a bare Exception: a vocabulary without an unknown piece
            if not isinstance(error, Exception) and not is_panic(error):
                raise
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            fix = "Fix: train again with the tokenizer of the encoder"
            raise ModelError(f"the tokenizer cannot split a word of the text ({reason}). {fix}") from None
        return ids

    def _ids(self, texts: list[str]) -> list[list[int]]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
            return ids
        # transformers makes a dictionary for each text, which takes twice as long, and much longer to collect.
        if backend.truncation is not None:  # of another call
            backend.no_truncation()
        if backend.padding is not None:
            backend.no_padding()
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]

    def _check(self, ids: Sequence[int]) -> None:
        if self.vocabulary is not None and ids and not 0 <= min(ids) <= max(ids) < self.vocabulary:
            message = f"the tokenizer has the id {max(ids)}, and the encoder {self.vocabulary} vectors"
            raise ModelError(f"{message}; expected those of one model. Fix: train again with encoder.name of one model")

    def windows(self, pieces: int, *, reserved: int = 0) -> list[Window]:
        """Windows over a sentence with this many pieces; each piece is kept where it has the most context.

        Each leaves room for ``reserved`` other pieces, less than half of a window.
        """
        window = self.window - reserved
        stride = max(1, round(self.stride * window / self.window))
        starts = [0]
        while starts[-1] + window < pieces:
            starts.append(min(starts[-1] + stride, pieces - window))
        borders = [0, *((b + a + window) // 2 for a, b in pairwise(starts)), pieces]
        kept = zip(starts, pairwise(borders), strict=True)
        return [Window(start, min(start + window, pieces), *border) for start, border in kept]


def special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens before and after a sentence, found by tokenizing an example."""
    with panics_as_errors():
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        whole = tokenizer("a")["input_ids"]
    if not bare:
        raise ConfigError('encoder.name: got a tokenizer without pieces for "a"; expected the encoder\'s own')
    for at in range(len(whole) - len(bare) + 1):
        if whole[at : at + len(bare)] == bare:
            return whole[:at], whole[at + len(bare) :]
    return [], []


def piece_limit(config: object, window: int = 0) -> int:
    """Maximum number of pieces per pass: the encoder's own limit, and at most ``window`` (0: ``LONGEST_WINDOW``)."""
    positions = int(getattr(config, "max_position_embeddings", LONGEST_WINDOW))
    if getattr(config, "model_type", "") in COUNT_FROM_PADDING:  # positions start after the padding id
        positions -= int(getattr(config, "pad_token_id", None) or 0) + 1
    return min(positions, window or LONGEST_WINDOW)
