"""Further training files, each with a weight, without the sentences of the dev and test files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coner.core.errors import DataError
from coner.core.types import Sentence
from coner.data.corpus import Corpus
from coner.data.stratify import text_key


@dataclass(frozen=True)
class Extra:
    """A further training file.

    Attributes:
        corpus: its sentences, without those left out.
        sha256: of the file.
        weight: of each sentence; a sentence of the main file has weight 1.
        left_out: indices of the sentences of the file that were left out.
    """

    corpus: Corpus
    sha256: str
    weight: float
    left_out: tuple[int, ...] = ()


def leave_out(extra: Extra, evaluated: Iterable[Sentence]) -> Extra:
    """Remove the sentences whose text, ignoring case and white space, is one of those that are evaluated.

    Raises:
        DataError: no sentence would be left.
    """
    texts = {_letters(sentence) for sentence in evaluated}
    leaks = [_letters(sentence) in texts for sentence in extra.corpus]
    kept = tuple(sentence for sentence, leak in zip(extra.corpus, leaks, strict=True) if not leak)
    if not kept:
        message = "got only sentences that are in the dev or test file too; expected others to train on"
        raise DataError(message, extra.corpus.path)
    left_out = tuple(index for index, leak in enumerate(leaks) if leak)
    return replace(extra, corpus=replace(extra.corpus, sentences=kept), left_out=left_out)


def _letters(sentence: Sentence) -> str:
    """The text without white space: two files may split the same text into different words."""
    return "".join(text_key(sentence).split())
