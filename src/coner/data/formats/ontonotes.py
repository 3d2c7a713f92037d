"""OntoNotes as in CoNLL-2012: a word per line, mentions as brackets in a column: ``(PERSON*``, ``*``, ``*)``.

In files of the shared task, which begin with ``#begin document``, the word is the fourth column and the mention the
eleventh. In other files the word is the first column, and the mention the only one with brackets, unless ``--columns``
names others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Entity, Sentence
from coner.data.formats import Format, formats
from coner.data.reading.columns import numbered
from coner.data.reading.nesting import Mark, Placed, distinct, flatten
from coner.data.reading.reader import Reader

BEGIN = re.compile(r"#begin document \((.*)\)(?:; part ([0-9]{1,9}))?\s*")
CELL = re.compile(r"((?:\([^()*|\s]+)*)(\*?)(\)*)")
LABEL = re.compile(r"\(([^(]+)")
WORD, TAG, WIDTH = 3, 10, 12  # of the shared task; its shortest number of columns
SAMPLE = 1000  # rows by which the column of mentions is recognised


class OntonotesReader(Reader):
    by_columns = True
    expected = "words with mentions in brackets, such as (PERSON*"
    _word, _tag = WORD, TAG  # negative: from the end

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        source = enumerate(lines, 1)
        head = list(islice(source, SAMPLE))
        self._find_columns(head)
        rows: list[tuple[int, list[str]]] = []
        document, count = None, 0
        for items in (head, source):
            for number, line in items:
                if line.startswith("#") and not self._is_row(line):
                    if begins := BEGIN.fullmatch(line):
                        document, count = ".".join(filter(None, begins.groups())), 0
                elif line.strip(" \t"):
                    rows.append((number, line.split()))
                elif rows:
                    count += 1
                    yield from self._sentence(rows, document and f"{document}.{count}")
                    rows = []
        if rows:
            yield from self._sentence(rows, document and f"{document}.{count + 1}")

    def _is_row(self, line: str) -> bool:
        """Whether a line that starts with ``#`` has a word and a mention."""
        cells = line.split()
        width = max(at + 1 if at >= 0 else -at for at in (self._word, self._tag))
        return len(cells) >= width and _marks(cells[self._tag])

    def _find_columns(self, head: Sequence[tuple[int, str]]) -> None:
        named = numbered(self._options.get("columns"))
        rows = [line.split() for _, line in head if line.strip(" \t") and not line.startswith("#")]
        task = any(BEGIN.fullmatch(line) for _, line in head) and usual_width(rows) >= WIDTH
        width, found = usual_width(rows) if task else min(map(len, rows), default=0), bracketed(rows)
        for name, at in named.items():
            if not 1 <= abs(at) <= width:
                raise DataError(f"got {counted(width, 'column')}, where --columns has {name}={at}", self.path)
        if not task and "tag" not in named and len(found) != 1 and rows:
            got = f"brackets in columns {', '.join(str(at + 1) for at in found)}" if found else "no column of brackets"
            fix = "Fix: name the columns, such as --columns word=4,tag=11"
            raise DataError(f"got {got}; expected one, such as (PERSON*, * and *). {fix}", self.path, head[0][0])
        word, tag = (WORD, TAG) if task else (0, found[0] if found else TAG)
        self._word, self._tag = (
            at if name not in named else named[name] - (named[name] > 0) for name, at in (("word", word), ("tag", tag))
        )
        self.ignored["other columns"] += max(0, width - 2)

    def _sentence(self, rows: Sequence[tuple[int, list[str]]], id: str | None) -> Iterator[Sentence]:
        try:
            cells = [(number, row[self._word], row[self._tag]) for number, row in rows]
        except IndexError:
            shortest = min(rows, key=lambda item: len(item[1]))
            word, tag = (at + (at >= 0) for at in (self._word, self._tag))  # as --columns has them
            got = f"got {counted(len(shortest[1]), 'column')}; expected the word in column {word}"
            self._fault(shortest[0], f"{got} and the mention in column {tag}")
            return
        first = rows[0][0]
        entities = self._entities([(number, cell) for number, _, cell in cells])
        yield Sentence(tuple(word for _, word, _ in cells), entities, id, line=first)

    def _entities(self, cells: Sequence[tuple[int, str]]) -> tuple[Entity, ...]:
        """The mentions in brackets; one that is not closed, or not opened, is a fault and is left out."""
        waiting, placed = list[tuple[int, int, str]](), list[Placed]()
        for index, (number, cell) in enumerate(cells):
            match = CELL.fullmatch(cell)
            if match is None or not _marks(cell):
                self._fault(number, f"got {cell!r:.80}; expected a mention in brackets, such as (PERSON*, *, *)")
                continue
            waiting += [(index, number, label) for label in LABEL.findall(match[1])]
            for _ in match[3]:
                if not waiting:
                    self._fault(number, f"got {cell!r:.80}, which closes a mention that was not opened")
                    break
                start, line, label = waiting.pop()
                placed.append((start, index + 1, Mark(start, index + 1, self._check_label(label, line), 1.0, line)))
        for _, number, label in waiting:
            self._fault(number, f"got a mention {label!r:.80} that is not closed")
        kept, others = flatten(distinct(placed), self._options.get("nested", "outer"))
        for (_, _, mark), (_, _, rival) in others:
            self._count_fault(mark.number, f"{mark} and {rival} are nested", "nested")
        return tuple(Entity(start, end, mark.label) for start, end, mark in kept)


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """The median number of columns; 0 without rows."""
    return sorted(map(len, rows))[len(rows) // 2] if rows else 0


def bracketed(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which every cell marks mentions by brackets, and one opens a mention."""
    width = min(map(len, rows), default=0)
    columns = [[row[at] for row in rows] for at in range(width)]
    return [at for at, cells in enumerate(columns) if all(map(_marks, cells)) and any(c[:1] == "(" for c in cells)]


def _marks(cell: str) -> bool:
    match = CELL.fullmatch(cell)
    return match is not None and bool(match[2] or match[3])


class Ontonotes(Format):
    title = "OntoNotes (CoNLL-2012)"
    reader = OntonotesReader
    holds = frozenset({"word borders", "labels", "ids"})
    certain = True

    def sniff(self, head: bytes) -> float:
        """The start of a document of the shared task, or a column of brackets beside one of words."""
        complete = head[: head.rfind(b"\n")] if len(head) > 1 << 15 else head  # the last line may have been cut
        lines = [line for line in complete.decode(errors="replace").splitlines() if line.strip()]
        rows = [line.split() for line in lines if not line.startswith("#")]
        task = bool(lines) and BEGIN.fullmatch(lines[0]) is not None and usual_width(rows) >= WIDTH
        starred = any("*" in row[at] for at in bracketed(rows) for row in rows)
        return float(task or (min(map(len, rows), default=0) > 1 and starred))


formats.register(Ontonotes())
