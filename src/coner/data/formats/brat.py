"""brat standoff: a text (``x.txt``) with its annotations (``x.ann``); a folder of such pairs, or one pair.

Spans count code points of the text, including a byte order mark and ``\\r``. Only text annotations (``T``) are read. A
span in several pieces is one span if only white space lies between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import DataError, OutputError
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.formats._folders import atomic_folder
from coner.data.reading.nesting import Mark
from coner.data.reading.spans import SpanReader, whole_text
from coner.data.reading.words import BOM, Span, character_span, raw_text

PAIR = (".txt", ".ann")
SPANS = re.compile(r"(\S+) (-?[0-9]{1,18} -?[0-9]{1,18}(?:;-?[0-9]{1,18} -?[0-9]{1,18})*)")
OTHER = {"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes"}
OTHER |= {"N": "normalizations", "#": "notes"}
NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)  # of a document, in any file system


@dataclass(frozen=True)
class _Row:
    """A text annotation."""

    number: int
    place: str  # in messages
    label: str
    pieces: list[Span]
    repeated: str | None  # the text of the span, if it is there


class BratReader(SpanReader):
    expected = ".txt files with .ann files beside them"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        folder = Path(self.path)
        if below := sum(path.parent != folder for path in folder.rglob("*.ann")):
            self.ignored["documents in folders below"] += below
        for path in _documents(folder):
            annotations = path.with_suffix(".ann")
            self._file = path
            text, marks = whole_text(path), None
            if annotations.exists():
                self._file = annotations
                marks = list(self._marks(whole_text(annotations).removeprefix(BOM), text))
            elif self._gold:
                message = f"got no {annotations.name}; expected gold labels (an empty file if there are none)"
                raise DataError(message, path)
            yield from self._document(text, marks, id=path.stem)

    def _marks(self, annotations: str, text: str) -> Iterator[Mark]:
        rows = list(self._rows(annotations))
        claims = [(row.pieces, row.repeated) for row in rows if row.repeated is not None]
        offsets = self._offsets(text, claims, [piece for row in rows for piece in row.pieces])
        for row in rows:
            if span := self._find(row.pieces, row.repeated, offsets, row.place, row.number):
                yield Mark(*span, row.label, 1.0, row.number)

    def _rows(self, annotations: str) -> Iterator[_Row]:
        for number, row in enumerate(annotations.split("\n"), 1):
            line = row.removesuffix("\r")
            if not line or line.isspace():
                continue
            if line[0] in OTHER:
                self.ignored[OTHER[line[0]]] += 1
                continue
            name, _, rest = line.partition("\t")
            span, tab, repeated = rest.partition("\t")
            match = SPANS.fullmatch(span)
            if not match or not re.fullmatch("T[^ ]+", name):
                expected = "T1, a tab, a label with the start and end of the span, a tab, the text"
                self._fault(number, f"got {line[:60]!r}; expected {expected}")
                continue
            pieces = [(int(start), int(end)) for start, _, end in (p.partition(" ") for p in match[2].split(";"))]
            yield _Row(number, f"entity {name} {span!r}", match[1], pieces, repeated if tab else None)


def _documents(path: Path) -> list[Path]:
    """The texts of a folder in the order of their names, or the text of one pair."""
    if path.is_dir():
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
        texts = sorted((file for file in files if file.suffix == ".txt"), key=lambda file: file.stem)
        if alone := {file.stem for file in files if file.suffix == ".ann"} - {file.stem for file in texts}:
            raise DataError(f"got {min(alone)}.ann without {min(alone)}.txt; expected both", path)
        return texts
    if not path.exists():
        raise DataError("no such file; check the path", path)
    if path.suffix not in PAIR:
        raise DataError("is not brat; expected a folder, or a file that ends in .ann or .txt", path)
    for half in map(path.with_suffix, PAIR):
        if not half.exists():
            raise DataError(f"got no {half.name}; expected a text and its annotations", path)
    return [path.with_suffix(".txt")]


def document_names(sentences: Sequence[Sentence]) -> list[str]:
    """A file name for each sentence: its id if that is a name and not taken, else its number."""
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
    """A text with a sentence per line, and its annotations."""
    # U+FEFF at the start of a file is read as a byte order mark, after an empty line it is not.
    lines = ["\n" * bool(sentences and raw_text(sentences[0])[0].startswith(BOM))]
    annotations: list[str] = []
    position = len(lines[0])
    for sentence in sentences:
        text, offsets = raw_text(sentence)
        line = text.replace("\n", " ")
        for entity in sentence.entities or ():
            start, end = character_span(entity, offsets)
            span = f"{entity.label} {position + start} {position + end}"
            annotations.append(f"T{len(annotations) + 1}\t{span}\t{line[start:end]}\n")
        lines.append(line + "\n")
        position += len(lines[-1])
    return "".join(lines), "".join(annotations)


class Brat(Format):
    title = "brat"
    reader = BratReader
    suffixes = (".ann",)
    folder = "a folder with .ann files"
    holds = frozenset({"labels", "ids", "white space"})
    bad_word = re.compile("[\n\0]")
    bad_label = re.compile(r"[\s\0]")

    def claims(self, path: Path) -> bool:
        if path.is_dir():
            return any(file.suffix == ".ann" for file in path.iterdir())
        return super().claims(path) or (path.suffix == ".txt" and path.with_suffix(".ann").is_file())

    def files(self, path: Path) -> list[Path]:
        if path.is_dir():  # other files in it do not belong to the data
            return [file for file in super().files(path) if file.suffix in PAIR]
        return [path.with_suffix(suffix) for suffix in PAIR] if path.suffix in PAIR else [path]

    def write(self, sentences: Sequence[Sentence], path: Path, options: WriteOptions = DEFAULTS) -> Counter[str]:
        """Write a folder, with a document for each sentence named by its id or number; or a pair, all in one document.

        A pair is written if ``path`` ends in ``.ann`` or ``.txt``. Sentences without labels get an empty ``.ann`` file.
        Returns ``lost``, also ids that are not valid file names, and the ``order`` of the sentences that moved.
        """
        if path.suffix not in PAIR:
            names = document_names(sentences)
            with atomic_folder(path) as folder:
                for sentence, name in zip(sentences, names, strict=True):
                    for suffix, content in zip(PAIR, standoff([sentence]), strict=True):
                        (folder / (name + suffix)).write_bytes(content.encode())
            unnamed = sum(s.id is not None and s.id != name for s, name in zip(sentences, names, strict=True))
            moved = sum(a != b for a, b in zip(names, sorted(names), strict=True))
            return self.lost(sentences) + Counter(ids=unnamed, order=moved)
        if taken := next((file for file in self.files(path) if file.is_dir()), None):
            raise OutputError(f"{taken}: is a folder; expected the name of a file to write")
        with ExitStack() as stack:  # neither file is there before both are written
            handles = [stack.enter_context(atomic_write(file)) for file in self.files(path)]
            for handle, content in zip(handles, standoff(sentences), strict=True):
                handle.write(content)
        return self.lost(sentences) + Counter(ids=sum(sentence.id is not None for sentence in sentences))


formats.register(Brat())
