"""Further training files beside the main one, each with a weight, and without what is judged on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coner.core.errors import DataError
from coner.core.types import Sentence
from coner.data.corpus import Corpus
from coner.data.split import text_key


@dataclass(frozen=True)
class Extra:
    """A further training file, read.

    Attributes:
        corpus: its sentences, less those left out.
        sha256: of the file.
        weight: of each of its sentences, beside 1 in the main file.
        left_out: which sentences of the file were left out, counted from 0.
    """

    corpus: Corpus
    sha256: str
    weight: float
    left_out: tuple[int, ...] = ()


def leave_out(extra: Extra, judged: Iterable[Sentence]) -> Extra:
    """The file without the sentences whose text, case and white space aside, is one of those judged on: no leak.

    Raises:
        DataError: nothing would be left.
    """
    texts = {_letters(sentence) for sentence in judged}
    leaks = [_letters(sentence) in texts for sentence in extra.corpus]
    kept = tuple(sentence for sentence, leak in zip(extra.corpus, leaks, strict=True) if not leak)
    if not kept:
        raise DataError(
            "each of its sentences is in the validation or test file too; expected others to train on",
            extra.corpus.path,
        )
    left_out = tuple(index for index, leak in enumerate(leaks) if leak)
    return replace(extra, corpus=replace(extra.corpus, sentences=kept), left_out=left_out)


def _letters(sentence: Sentence) -> str:
    """Its text without white space: two files may cut the same text into other words."""
    return "".join(text_key(sentence).split())
