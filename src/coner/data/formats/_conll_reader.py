"""The CoNLL reader; for the format see ``docs/data.md``.

Columns are separated by ASCII spaces and tabs only: zero-width and no-break spaces, U+2028 and the like are part of the
word. A last column of ``_`` is the place for the tags, except in files of three columns: those are the test files of
the shared task, to which a fourth column is added.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Unpack

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Entity, Sentence
from coner.data.reading.reader import FILLER, HEADER, ConllLayout, Reader, ReadOptions

SPACES = re.compile("[ \t]+")
TAG = re.compile("O|[BIES]-.+")
CACHED = 1 << 16  # distinct line ends; files with free text in a middle column have more, and start over


@dataclass(slots=True)
class _Block:
    """The lines of one sentence; the last block of a file may have no rows."""

    gap: list[str] = field(default_factory=list)  # empty lines above
    header: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    line: int = 0  # of the first row


class ConllReader(Reader):
    layout: ConllLayout
    expected = "a word per line"

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self.layout = ConllLayout()
        self._marks = (HEADER, self._comment) if self._comment else (HEADER,)
        self._cells: dict[str, tuple[tuple[str, ...], str]] = {}  # rest of a line: middle columns, tag

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        count, between = 0, ""
        if self._first_layout:
            self.layout, count, between = self._first_layout, 1, self._first_layout.between
        for block in self._blocks(lines):
            gap = "".join(line + lines.newline for line in block.gap)
            if not block.rows:
                self.layout = replace(self.layout, ending=gap, final_newline=lines.final_newline)
                break
            if count == 0:
                self._learn_layout(block, gap, lines)
            elif gap and not between:  # a header inside a sentence has no gap above it
                between = gap
                self.layout = replace(self.layout, between=gap)
            count += 1
            yield self._sentence(block)

    def _blocks(self, lines: Iterable[str]) -> Iterator[_Block]:
        """A block for each sentence, and a last one without rows."""
        block, marks, number = _Block(), self._marks, 0
        for number, line in enumerate(lines, 1):
            empty = not line or (line[0] in " \t" and not line.strip(" \t"))
            header = not empty and line.startswith(marks)
            if block.rows and (empty or header):
                if header:
                    message = "got a header inside a sentence; expected an empty line above it"
                    self._fault(number, message, "repaired")
                yield block
                block = _Block()
            if empty:
                self._drop_header(block, number)
                block.gap.append(line)
            elif header:
                block.header.append(line)
            else:
                block.line = block.line or number
                block.rows.append(line)
        if block.rows:
            yield block
            block = _Block()
        self._drop_header(block, number + 1)
        yield block

    def _drop_header(self, block: _Block, number: int) -> None:
        """Skip a header without words; for the user's own comment mark this is no fault."""
        if block.header:
            fault = self._fault if any(line.startswith(HEADER) for line in block.header) else self._count_fault
            message = f"got header {block.header[0]!r} without a word below it"
            fault(number - len(block.header), message, "unreadable")
            block.header = []

    def _learn_layout(self, block: _Block, gap: str, lines: Lines) -> None:
        rows = [SPACES.split(row.strip(" \t")) for row in block.rows]
        width = Counter(map(len, rows)).most_common(1)[0][0]  # so that a fault in the first line is found there
        usual = next(row for row, cells in zip(block.rows, rows, strict=True) if len(cells) == width)
        untagged = width == 1 or all(row[-1] == FILLER for row in rows if len(row) == width)
        if untagged and self._gold:
            columns = "one column" if width == 1 else f"only {FILLER!r} in the last column"
            raise DataError(f"got {columns}: no tags; expected a file with gold tags", self.path, block.line)
        self.layout = replace(
            self.layout,
            separators=tuple(SPACES.findall(usual.strip(" \t"))),
            tags="gold" if not untagged else "absent" if width in (1, 3) else "filler",
            beginning=gap,
            between=2 * lines.newline,
            newline=lines.newline,
            bom=lines.bom,
        )

    def _sentence(self, block: _Block) -> Sentence:
        separators = self.layout.separators
        separator = separators[0][0] if separators else " "
        other = "\t" if separator == " " else " "
        known, words, cells = self._cells.get, [], []
        for index, line in enumerate(block.rows):
            word, _, rest = line.partition(separator)
            cell = known(rest)
            if cell is None or not word or other in word:
                word, cell = self._columns(line, block.line + index)
            words.append(word)
            cells.append(cell)
        wide = len(separators) > (self.layout.tags != "absent")
        ids = [line.removeprefix(HEADER).partition("\t")[0] for line in block.header if line.startswith(HEADER)]
        return Sentence(
            words=tuple(words),
            entities=self._entities([tag for _, tag in cells], block.line),
            id=(ids[0].strip(" ") or None) if ids else None,
            header=tuple(block.header),
            columns=tuple([middle for middle, _ in cells]) if wide else (),
            line=block.line - len(block.header),
        )

    def _columns(self, line: str, number: int) -> tuple[str, tuple[tuple[str, ...], str]]:
        """Split a line whose end is not cached: its word, and its middle columns with its tag."""
        word, *rest = SPACES.split(line.strip(" \t"))
        width = len(self.layout.separators)
        if faulty := len(rest) != width:
            got = f"got {len(rest) + 1} column{'s' * bool(rest)}"
            self._fault(number, f"{got}; expected {width + 1} as before, separated by spaces or tabs", "repaired")
            tags = ["O" if self.layout.tags == "gold" else FILLER] * (self.layout.tags != "absent")
            if rest and tags and TAG.fullmatch(rest[-1]):
                rest, tags = rest[:-1], rest[-1:]
            middle = width - len(tags)  # middle columns are cut or filled
            rest = (rest + [FILLER] * middle)[:middle] + tags
        if self.layout.tags != "gold" and rest and rest[-1] != FILLER:
            message = f"got {rest[-1]!r} as tag; expected {FILLER!r}, as the file starts without tags"
            raise DataError(f"{message}. Fix: tag all of it or none", self.path, number)
        cell = (tuple(rest), "") if self.layout.tags == "absent" else (tuple(rest[:-1]), rest[-1])
        before, _, after = line.partition(self.layout.separators[0][0] if width else " ")
        if before == word and not faulty:
            if len(self._cells) >= CACHED:
                self._cells.clear()
            self._cells[after] = cell
        return word, cell

    def _entities(self, tags: list[str], line: int) -> tuple[Entity, ...] | None:
        if self.layout.tags != "gold":
            return None
        if tags.count("O") == len(tags):
            return ()
        return self._from_tags(tags, line, lines=True)
