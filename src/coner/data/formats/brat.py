"""brat standoff: a text (``x.txt``) and beside it its annotations (``x.ann``); a folder of such pairs, or one pair.

::

    T1	Scientist 8 11	ada

Spans are half-open and count characters (code points) of the text, a byte order mark and ``\\r`` included. Of the
annotations only those of text (``T``) are read; relations (``R``, ``*``), events (``E``), attributes (``A``, ``M``),
normalisations (``N``) and notes (``#``) are counted. A span in several pieces is one span where nothing but white space
lies between them. What an annotation says that its text is has to stand there. A text without annotations beside it has
no labels. The id of a document is its name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from coner.core.errors import DataError, OutputError
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.files import PAIR, atomic_folder
from coner.data.reading.spans import BOM, Mark, SpanReader, same_text, whole_text
from coner.data.reading.words import character_span, raw_text

SPANS = re.compile(r"(\S+) (-?[0-9]{1,18} -?[0-9]{1,18}(?:;-?[0-9]{1,18} -?[0-9]{1,18})*)")
BESIDE = {
    "R": "relations",
    "*": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalisations",
    "#": "notes",
}
NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)  # of a document, in any file system


class BratReader(SpanReader):
    """Reads a folder of documents in the order of their names, or one document.

    With ``repair`` an entity that cuts a word grows to whole words (``repaired``); one that overlaps another, lies in
    pieces, outside, across a line end or not where its text is, and a line that is no annotation, is left out
    (``skipped``).
    """

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        empty = True
        for text in documents(Path(self.path)):
            for sentence in self._pair(text):
                empty = False
                yield sentence
        if empty:
            raise DataError("holds no sentence; expected .txt files with .ann files beside them", self.path)

    def _pair(self, path: Path) -> Iterator[Sentence]:
        annotations = path.with_suffix(".ann")
        self._file = path
        text = whole_text(path)
        marks = None
        if annotations.exists():
            self._file = annotations
            marks = list(self._marks(whole_text(annotations).removeprefix(BOM), text))
        elif self._gold:
            raise DataError(f"{annotations.name} is missing; expected gold labels (an empty file where none is)", path)
        yield from self._document(text, marks, id=path.stem)

    def _marks(self, annotations: str, text: str) -> Iterator[Mark]:
        for number, row in enumerate(annotations.split("\n"), 1):
            line = row.removesuffix("\r")
            if not line or line.isspace():
                continue
            if line[0] in BESIDE:
                self.unread[BESIDE[line[0]]] += 1
            elif mark := self._mark(line, text, number):
                yield mark

    def _mark(self, line: str, text: str, number: int) -> Mark | None:
        name, _, rest = line.partition("\t")
        where, tab, said = rest.partition("\t")
        found = SPANS.fullmatch(where)
        if not found or not re.fullmatch("T[^ ]+", name):
            expected = "expected T1, a tab, a label with the span's start and end, a tab, the text"
            self._skip(number, f"{line[:60]!r} is no annotation of brat; {expected}")
            return None
        label = found[1]
        pieces = [tuple(map(int, piece.split(" "))) for piece in found[2].split(";")]
        (start, _), (_, end) = pieces[0], pieces[-1]
        place = f"entity {name} {where!r}"
        gaps = [(a[1], b[0]) for a, b in pairwise(pieces)]
        inside = all(0 <= a < b <= len(text) for a, b in pieces)
        if inside and tab and not same_text("".join(text[a:b] for a, b in pieces), said):
            came = "".join(text[a:b] for a, b in pieces)[:40]
            self._skip(number, f"{place} has the text {said[:40]!r}, but {came!r} stands there", "text differs")
        elif any(a > b or text[a:b].strip() for a, b in gaps):
            self._skip(number, f"{place} lies in {len(pieces)} pieces; expected one", "discontinuous")
        else:  # one that lies outside is told with its place on the words
            return Mark(start, end, label, 1.0, number)
        return None


def documents(path: Path) -> list[Path]:
    """The texts of a folder in the order of their names, or the text of one pair.

    Raises:
        DataError: a part of a pair is missing.
    """
    if path.is_dir():
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
        texts = sorted((file for file in files if file.suffix == ".txt"), key=lambda file: file.stem)
        alone = {file.stem for file in files if file.suffix == ".ann"} - {file.stem for file in texts}
        if alone:
            raise DataError(f"{min(alone)}.ann has no {min(alone)}.txt beside it; expected both", path)
        return texts
    if not path.exists():
        raise DataError("no such file; check the path", path)
    if path.suffix not in PAIR:
        raise DataError("is no brat document; expected a folder, or a file that ends in .ann or .txt", path)
    for part in map(path.with_suffix, PAIR):
        if not part.exists():
            raise DataError(f"{part.name} is missing; expected a text and its annotations", path)
    return [path.with_suffix(".txt")]


def write_brat(sentences: Sequence[Sentence], path: Path) -> Counter[str]:
    """Write a folder, a document a sentence, named by its id (or number); or a pair, all sentences in one, a line each.

    Args:
        sentences: those without labels get an empty ``.ann`` file, as those without an entity.
        path: the folder; or one of the pair, ending in ``.ann`` or ``.txt``.

    Returns:
        What could not be held: ``ids`` that are no names, the ``order`` of so many sentences.

    Raises:
        OutputError: it cannot be written, or the folder is there and not empty.
    """
    if path.suffix in PAIR:
        if path.with_suffix(".txt").is_dir() or path.with_suffix(".ann").is_dir():
            raise OutputError(f"{path}: is a folder; expected the name of a file to write")
        text, annotations = standoff(sentences)
        with ExitStack() as stack:  # neither is there before both are written
            handles = [stack.enter_context(atomic_write(path.with_suffix(suffix))) for suffix in PAIR]
            for handle, content in zip(handles, (text, annotations), strict=True):
                handle.write(content)
        return +Counter(ids=sum(sentence.id is not None for sentence in sentences))
    names = document_names(sentences)
    with atomic_folder(path) as folder:
        for sentence, name in zip(sentences, names, strict=True):
            for suffix, content in zip(PAIR, standoff([sentence]), strict=True):
                (folder / (name + suffix)).write_bytes(content.encode())
    lost = sum(s.id is not None and s.id != name for s, name in zip(sentences, names, strict=True))
    moved = sum(a != b for a, b in zip(names, sorted(names), strict=True))
    return +Counter({"ids": lost, "order": moved})


def document_names(sentences: Sequence[Sentence]) -> list[str]:
    """A file name for each sentence: its id, where that is a name and not taken; else its number."""
    names: list[str] = []
    taken: set[str] = set()
    for number, sentence in enumerate(sentences, 1):
        name = sentence.id or ""
        if not NAME.fullmatch(name) or name.lower() in taken:
            name = f"{number:06d}"
            while name in taken:
                name += "-"
        taken.add(name.lower())
        names.append(name)
    return names


def standoff(sentences: Sequence[Sentence]) -> tuple[str, str]:
    """A text with a sentence a line, and its annotations."""
    lines: list[str] = []
    annotations: list[str] = []
    # A file that began with U+FEFF would begin with a byte order mark: an empty line goes before it.
    begin = "\n" if sentences and raw_text(sentences[0])[0].startswith(BOM) else ""
    at = len(begin)
    for sentence in sentences:
        text, offsets = raw_text(sentence)
        line = text.replace("\n", " ")
        for entity in sentence.entities or ():
            start, end = character_span(entity, offsets)
            row = f"T{len(annotations) + 1}\t{entity.label} {at + start} {at + end}\t{line[start:end]}\n"
            annotations.append(row)
        lines.append(line + "\n")
        at += len(lines[-1])
    return begin + "".join(lines), "".join(annotations)
