"""Sentences written in any format, and what that format cannot hold of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from coner.core.files import atomic_write
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.formats.conll import UNFIT_ID, write_conll
from coner.data.reading.layout import HEADER, ConllLayout
from coner.data.reading.spans import BOM
from coner.data.reading.words import raw_text, split_words

# What of a sentence a format keeps; white space is told by _held_text, ids and order of brat by its writer.
HOLDS: dict[str, frozenset[str]] = {
    "conll": frozenset({"ids", "headers", "middle columns", "word borders", "labels", "labels missing"}),
    "jsonl": frozenset({"ids", "scores", "word borders", "labels", "labels missing"}),
    "text": frozenset(),
    "brat": frozenset({"ids", "labels"}),
    "labelstudio": frozenset({"ids", "scores", "word borders", "labels", "labels missing"}),
    "spacy": frozenset({"ids", "word borders", "labels", "labels missing"}),
    "datasets": frozenset({"ids", "word borders", "labels", "labels missing"}),
}
SPACE = re.compile("[ \t\n\0]")  # what CoNLL cannot have in a word
LINE_END = re.compile("[\n\0]")  # and a format of lines
BLANK = re.compile(r"\A[ \t\r\n]+\Z")  # what a DocBin cannot have as one


def write(
    sentences: Sequence[Sentence], path: Path, kind: str, *, look: ConllLayout | None = None, scheme: Scheme = "iob2"
) -> Counter[str]:
    """Write sentences, of which ``unfit`` found no fault; whole or not at all.

    Args:
        sentences: in order.
        path: a file; a folder for brat (but for names in ``.ann`` and ``.txt``) and datasets (but for ``.parquet``).
        kind: the format.
        look: of CoNLL; MultiCoNER's where it is ``None``.
        scheme: of CoNLL and datasets: iob2 or bioes.

    Returns:
        What the format cannot hold, by kind, in sentences; of ``scores`` and ``labels``, in entities.

    Raises:
        MissingExtra: the library that writes the format is not installed.
        OutputError: it cannot be written.
    """
    lost: Counter[str] = Counter()
    for sentence in sentences:
        lost.update({what: count for what, count in _carried(sentence, kind) if count and what not in HOLDS[kind]})
    if kind == "brat":
        from coner.data.formats.brat import write_brat

        return lost + write_brat(sentences, path)
    if kind == "spacy":
        from coner.data.formats.spacy import write_docbin

        write_docbin(sentences, path)
    elif kind == "datasets":
        from coner.data.formats.datasets import write_datasets

        write_datasets(sentences, path, scheme)
    else:
        with atomic_write(path) as handle:
            if kind == "conll":
                plain = list(map(_without_unfit_id, sentences))
                lost += Counter(ids=sum(a.id != b.id for a, b in zip(sentences, plain, strict=True)))
                write_conll(plain, handle, look, scheme)
            elif kind == "jsonl":
                from coner.data.formats.jsonl import write_jsonl

                write_jsonl(sentences, handle)
            elif kind == "labelstudio":
                from coner.data.formats.labelstudio import write_labelstudio

                write_labelstudio(sentences, handle)
            else:
                handle.writelines(_lines(sentences))
    return lost


def _carried(sentence: Sentence, kind: str) -> Iterator[tuple[str, int]]:
    """What it has beside words and entities, and how much of it."""
    own = HEADER + (sentence.id or "")
    yield "ids", sentence.id is not None
    yield "headers", any(line != own for line in sentence.header)
    yield "middle columns", any(cell != "_" for cells in sentence.columns for cell in cells)
    yield "scores", sum(entity.score != 1 for entity in sentence.entities or ())
    yield "labels", len(sentence.entities or ())
    yield "labels missing", sentence.entities is None and kind != "text"
    text, offsets = raw_text(sentence)
    yield "word borders", offsets != split_words(text)
    if sentence.text is not None:
        yield "white space", text != _held_text(sentence, text, kind)


def _held_text(sentence: Sentence, text: str, kind: str) -> str:
    """The raw text as it is read back."""
    if kind in ("conll", "datasets"):
        return " ".join(sentence.words)
    if kind == "spacy":  # a single space, or none
        gaps = [" " if end < start else "" for (_, end), (start, _) in pairwise(sentence.offsets)]
        return "".join(map("".join, zip(sentence.words, [*gaps, ""], strict=True)))
    return text if kind in ("jsonl", "labelstudio") else text.replace("\n", " ")


def unfit(sentence: Sentence, kind: str, *, labelled: bool) -> str | None:
    """Why a format cannot hold a sentence at all, if so.

    Args:
        sentence: as it was read.
        kind: the format.
        labelled: some sentence that goes into the same file has labels.
    """
    if kind == "conll" and labelled and sentence.entities is None:
        return "it has no labels where others have; a CoNLL file holds all or none"
    bad = {"conll": SPACE, "text": LINE_END, "brat": LINE_END, "spacy": BLANK}.get(kind)
    if bad and (word := next(filter(bad.search, sentence.words), None)):
        return f"{word!r} cannot be a word there"
    labels = (entity.label for entity in sentence.entities or ())
    if kind in ("conll", "brat") and (label := next((x for x in labels if re.search(r"[\s\0]", x)), None)):
        return f"{label!r} cannot be a label there"
    return None


def _without_unfit_id(sentence: Sentence) -> Sentence:
    return sentence if sentence.id is None or not UNFIT_ID.search(sentence.id) else replace(sentence, id=None)


def _lines(sentences: Iterable[Sentence]) -> Iterator[str]:
    """A sentence a line; an empty one first, where U+FEFF at the start would be read as a byte order mark."""
    for index, sentence in enumerate(sentences):
        text = re.sub("[\n\0]", " ", raw_text(sentence)[0])
        yield ("\n" if index == 0 and text.startswith(BOM) else "") + text + "\n"
