"""One door for every kind of file: ``read`` it whole, or ``stream`` it in constant memory.

``format="auto"`` goes by the name, then by the first 64 KiB:

1. ``.jsonl``, ``.ndjson`` is JSONL; ``.conll``, ``.iob``, ``.iob2``, ``.bio``, ``.bioes``, ``.tsv`` is CoNLL;
   ``.ann`` is brat; ``.spacy`` is a DocBin; ``.parquet`` is a data set of Hugging Face (the first two also with ``.gz``
   behind). ``.json`` is Label Studio where its first character is ``[``, else JSONL.
2. A folder with ``.ann`` files, and a ``.txt`` file beside an ``.ann`` file of its name, is brat; a folder of
   ``datasets.save_to_disk`` is a data set.
3. Otherwise: JSONL where the first character is ``{``; Label Studio where the first two are ``[`` and ``{``; CoNLL
   where at least half of the lines end in a tag or ``_``; plain text else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from coner.core.errors import DataError
from coner.core.lines import read_bytes
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.files import detect_folder
from coner.data.formats._conll_reader import ConllReader
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import Reader

if TYPE_CHECKING:
    from coner.data.reading.spans import SpanReader
    from coner.data.reading.words import Splitter

NAMES: dict[str, str] = {
    ".ann": "brat",
    ".spacy": "spacy",
    ".parquet": "datasets",
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".conll", ".iob", ".iob2", ".bio", ".bioes", ".tsv"), "conll"),
}
HEAD = 1 << 16
TASKS = re.compile(rb"\s*\[\s*\{")
TAGGED = re.compile(rb"[ \t](?:O|_|[BIES]-[^ \t]+)[ \t\r]*$")


@dataclass(frozen=True)
class Corpus(Sequence[Sentence]):
    """A file, read.

    Attributes:
        sentences: in the file's order.
        path: where they came from.
        layout: how the file looks; ``None`` where it is not CoNLL.
        repaired: what was mended.
        skipped: what was left out.
    """

    sentences: tuple[Sentence, ...]
    path: Path
    layout: ConllLayout | None = None
    repaired: int = 0
    skipped: int = 0

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sentence, ...]: ...
    def __getitem__(self, index: int | slice) -> Sentence | tuple[Sentence, ...]:
        return self.sentences[index]

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that occurs, sorted."""
        return tuple(sorted({e.label for sentence in self.sentences for e in sentence.entities or ()}))

    @property
    def words(self) -> int:
        """How many words."""
        return sum(map(len, self.sentences))


def stream(
    path: str | Path,
    *,
    scheme: Scheme = "iob2",
    repair: bool = False,
    labels: Collection[str] | None = None,
    format: str = "auto",
    comment: str | None = None,
    words: Splitter = "coner",
    gold: bool = False,
    on_fault: Callable[[int, str], None] | None = None,
) -> Reader:
    """A file's sentences, one after the other, in constant memory.

    Args:
        path: of any kind, also gzip where that is one file of text; ``-`` is standard input (whose format has to be
            named).
        scheme: how mentions are written in CoNLL and ``ner_tags``; never guessed.
        repair: mend what can be mended and count it, in place of an error.
        labels: those that may occur; any, where it is ``None``.
        format: ``auto`` is told at the top of this module.
        comment: in CoNLL, what begins a header line beside ``# id ``.
        words: ``spaces``: text is cut into words at white space only.
        gold: refuse a file without labels.
        on_fault: told the line and the fault of everything that is mended or skipped.

    Raises:
        DataError: at once or while iterating: the file and line, what came, what was expected, how to mend it.
    """
    kind = detect(path) if format == "auto" else format
    common: dict[str, Any] = {"repair": repair, "labels": labels, "gold": gold, "on_fault": on_fault}
    if kind == "conll":
        return ConllReader(path, scheme=scheme, comment=comment, **common)
    if kind == "datasets":
        from coner.data.formats.datasets import DatasetsReader

        return DatasetsReader(path, scheme=scheme, **common)
    if kind == "spacy":
        from coner.data.formats.spacy import DocBinReader

        return DocBinReader(path, **common)
    if kind == "text":
        from coner.data.formats.text import TextReader

        if gold:
            message = "is read as plain text, which has no labels; if it is CoNLL, give it a name that ends in .conll"
            raise DataError(message, path)
        return TextReader(path, words=words, repair=repair, on_fault=on_fault)
    return _span_reader(kind)(path, words=words, **common)


def _span_reader(kind: str) -> type[SpanReader]:
    if kind == "brat":
        from coner.data.formats.brat import BratReader

        return BratReader
    if kind == "labelstudio":
        from coner.data.formats.labelstudio import LabelStudioReader

        return LabelStudioReader
    from coner.data.formats.jsonl import JsonlReader

    return JsonlReader


def read(
    path: str | Path,
    *,
    scheme: Scheme = "iob2",
    repair: bool = False,
    labels: Collection[str] | None = None,
    format: str = "auto",
    comment: str | None = None,
    words: Splitter = "coner",
    gold: bool = False,
    on_fault: Callable[[int, str], None] | None = None,
) -> Corpus:
    """A file, whole; arguments and errors as ``stream``."""
    reader = stream(
        path,
        scheme=scheme,
        repair=repair,
        labels=labels,
        format=format,
        comment=comment,
        words=words,
        gold=gold,
        on_fault=on_fault,
    )
    sentences = tuple(reader)
    return Corpus(sentences, Path(path), reader.layout, reader.repaired, reader.skipped)


def format_of_name(path: str | Path) -> str | None:
    """Which kind of file the name promises, if any."""
    return NAMES.get(Path(str(path).lower().removesuffix(".gz")).suffix)


def detect(path: str | Path) -> str:
    """Which kind of file it is (the rules are at the top of this module)."""
    file = Path(path)
    if file.is_dir():
        if found := detect_folder(file):
            return found
        raise DataError("is a folder; expected a file, or a folder of brat or of datasets.save_to_disk", path)
    kind = "brat" if file.suffix == ".txt" and file.with_suffix(".ann").is_file() else format_of_name(path)
    if kind and not (file.name.lower().removesuffix(".gz").endswith(".json") and file.is_file()):
        return kind
    if str(path) == "-":
        expected = "conll, jsonl, text, labelstudio or spacy"
        raise DataError(f"the format of standard input cannot be guessed; say --format {expected}", path)
    if file.exists() and not file.is_file():
        message = "is a pipe or device: to look at its beginning would lose it; say whether it is conll, jsonl or text"
        raise DataError(message, path)
    head = read_bytes(path, HEAD).removeprefix(b"\xef\xbb\xbf")
    if kind:
        return "labelstudio" if head.lstrip().startswith(b"[") else kind
    return _kind_of_content(head)


def _kind_of_content(head: bytes) -> str:
    lines = [line for line in head.split(b"\n") if line.strip(b" \t\r")]
    if not lines:
        return "conll"
    if lines[0].startswith(b"{"):
        return "jsonl"
    if TASKS.match(head):
        return "labelstudio"
    rows = [line for line in lines if not line.startswith(b"#")] or lines
    return "conll" if 2 * sum(bool(TAGGED.search(line)) for line in rows) >= len(rows) else "text"
