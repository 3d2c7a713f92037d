"""The CoNLL reader; for the format see ``docs/data.md``.

Columns are separated by ASCII spaces and tabs only: zero-width and no-break spaces, U+2028 and the like are part of the
word. ``data.reading.columns`` finds those of words and tags, ``data.reading.headers`` other lines. A column
of ``_`` is the place for the tags, except in files of three columns: those are the test files of the shared task, to
which a fourth column is added.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile
from pathlib import Path
from typing import Unpack

from coner.core.errors import DataError
from coner.core.lines import DeferredErrorLines, Lines
from coner.core.types import Entity, Sentence
from coner.data.reading.cells import filler_is_outside, is_tag
from coner.data.reading.columns import find_columns, numbered
from coner.data.reading.headers import COMMENTS, DOCUMENT, Headers
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import FILLER, HEADER, Reader, ReadOptions
from coner.data.reading.schemes import PairCounter

TAG = re.compile("O|[BIESLUMW][-_].+")
ASSIGNMENT = re.compile("#[A-Za-z_. ]+=")  # of a comment, such as #text=
AS_HEADERS = "Fix: read comments as headers with --comment"
SAMPLE = 3000  # lines that decide about the columns
CACHED = 1 << 16  # distinct line ends; files with free text in a middle column have more, and start over


@dataclass(slots=True)
class _ConllBlock:
    """The lines of one sentence; the last block of a file may have no rows."""

    gap: list[str] = field(default_factory=list)  # empty lines above
    header: list[str] = field(default_factory=list)  # with the empty lines below it
    rows: list[str] = field(default_factory=list)
    line: int = 0  # of the first row


class ConllReader(Reader):
    by_columns = True
    layout = ConllLayout()
    expected = "a word per line"

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self._named = numbered(options.get("columns"))
        self._headers = Headers(self._comment)
        self._narrowed = False  # the layout is known, and only a range of the file is read
        self._found: list[str] = []  # notes on the columns
        self._cells: dict[str, tuple[tuple[str, ...], str]] = {}  # rest of a line: other columns, tag

    @property
    def notes(self) -> list[str]:
        return [*self._found, *super().notes, *self._headers.notes]

    def narrow(self, start: int, stop: int, layout: ConllLayout | None) -> None:
        super().narrow(start, stop, layout)
        if layout is not None:  # the columns of the file, which the range alone may not show
            self.layout, self._narrowed = layout, True

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        source, head, count, between = iter(lines), list[str](), 0, ""
        if self._first_layout:
            self.layout, count, between = self._first_layout, 1, self._first_layout.between
        elif self._narrowed:
            between = self.layout.between
        else:
            head = self._sample(sampled := DeferredErrorLines(source))
            source = sampled.rest()
        for block in self._blocks(chain(head, source)):
            gap = "".join(line + lines.newline for line in block.gap)
            if not block.rows:
                ending = gap + "".join(line + lines.newline for line in block.header)
                if ending and not lines.final_newline:
                    self.layout = replace(self.layout, ending=ending.removesuffix(lines.newline))
                else:
                    self.layout = replace(self.layout, ending=ending, final_newline=lines.final_newline)
                break
            if count == 0:
                usual = between or 2 * lines.newline
                self.layout = replace(self.layout, beginning=gap, between=usual, newline=lines.newline, bom=lines.bom)
            elif gap and not between:  # a header inside a sentence has no gap above it
                between = gap
                self.layout = replace(self.layout, between=gap)
            count += 1
            yield self._sentence(block)

    def _sample(self, lines: Iterator[str]) -> list[str]:
        """The first lines of the file, in which the columns are found."""
        head, first = list[str](), 0
        sentences, doubtful = [list[str]()], [list[str]()]  # doubtful: maybe comments
        while len(head) < SAMPLE or not (first or any(doubtful)):
            if (line := next(lines, None)) is None:
                break
            head.append(line)
            if not line.strip(" \t"):
                sentences.append([])
                doubtful.append([])
            elif not self._headers.possible(line):
                first = first or len(head)
                sentences[-1].append(line)
            elif not line.startswith((HEADER, DOCUMENT, self._comment or HEADER)):
                doubtful[-1].append(line)
        if sample := list(filter(None, sentences if first else doubtful)):
            self._learn_columns(sample, first or 1 + head.index(sample[0][0]))
        return head

    def _learn_columns(self, sample: list[list[str]], line: int) -> None:
        try:
            layout, self._found = find_columns(sample, self._named)
        except ValueError as error:
            raise self.error(line, str(error)) from None
        self._first_row = line
        parted = ([cells for cells in map(layout.cells, rows) if len(cells) == layout.width] for rows in sample)
        tags = [{cells[layout.tag] for cells in rows} for rows in parted if rows]  # of each sentence
        width, absent = layout.width, layout.tags == "absent"
        untagged = width == 1 or absent or (tags[0] == {FILLER} and not filler_is_outside(tags))
        if untagged and self._gold:
            columns = "one column" if width == 1 else f"only {FILLER!r} in the last column"
            got = "no column of tags" if absent else f"{columns}: no tags"
            raise DataError(f"got {got}; expected a file with gold tags", self.path, line)
        if untagged and not absent:
            bare = width == 1 or (width == 3 and "tag" not in self._named and layout.tag == -1)
            layout = replace(layout, tags="absent" if bare else "filler")
        self.layout = layout

    def _blocks(self, lines: Iterable[str]) -> Iterator[_ConllBlock]:
        """A block for each sentence, and a last one without rows."""
        block, marks, found, number = _ConllBlock(), self._headers.marks, self._headers.found, 0
        for number, line in enumerate(lines, 1):
            empty = not line or (line[0] in " \t" and not line.strip(" \t"))
            header = not empty and (line.startswith(marks) or DOCUMENT in line) and found(line, self.layout)
            if block.rows and (empty or header):
                if header:
                    message = "got a header inside a sentence; expected an empty line above it"
                    self._fault(number, message, "repaired")
                yield block
                block = _ConllBlock()
            if empty:
                if block.header:
                    self._drop_ids(block, number)
                (block.header or block.gap).append(line)
            elif header:
                block.header.append(line)
            else:
                block.line = block.line or number
                block.rows.append(line)
        if block.rows:
            yield block
            block = _ConllBlock()
        self._drop_ids(block, number + 1)
        yield block

    def _drop_ids(self, block: _ConllBlock, number: int) -> None:
        """Leave out ids above an empty line, or the end of the file, if there is nothing else to keep."""
        if all(line.startswith(HEADER) for line in block.header):
            for index, line in enumerate(block.header, number - len(block.header)):
                self._fault(index, f"got header {line!r} without a word below it", "unreadable")
            block.header = []

    def _sentence(self, block: _ConllBlock) -> Sentence:
        layout, words, cells = self.layout, [], []
        separator = layout.separators[0][0] if layout.separators else " "
        other = "\t" if separator == " " else " "
        known = (lambda rest: None) if layout.word else self._cells.get
        for index, line in enumerate(block.rows):
            word, _, rest = line.partition(separator)
            cell = known(rest)
            if cell is None or not word or other in word:
                word, cell = self._columns(line, block.line + index)
            words.append(word)
            cells.append(cell)
        if prefix := layout.prefix:
            words = [self._unprefixed(word, prefix, block.line + index) for index, word in enumerate(words)]
        if layout.inner is not None:  # after words and tags
            inner = [others[layout.inner - 2] for others, _ in cells]
            self.ignored["inner mentions"] += sum(tag.startswith(("B", "S", "U")) for tag in inner)
        wide = layout.width > 1 + (layout.tags != "absent")
        own = takewhile(lambda line: line.strip(" \t"), reversed(block.header))  # without those above an empty line
        ids = [line.removeprefix(HEADER).partition("\t")[0] for line in own if line.startswith(HEADER)]
        return Sentence(
            words=tuple(words),
            entities=self._entities([tag for _, tag in cells], block.line),
            id=(ids[-1].strip(" ") or None) if ids else None,
            header=tuple(block.header),
            columns=tuple([others for others, _ in cells]) if wide else (),
            line=block.line - len(block.header),
        )

    def _columns(self, line: str, number: int) -> tuple[str, tuple[tuple[str, ...], str]]:
        """Split a line whose end is not cached: its word, and its other columns with its tag."""
        layout, cells, absent = self.layout, self.layout.cells(line), self.layout.tags == "absent"
        own = {layout.word} if absent else {layout.word, layout.tag % layout.width}
        if faulty := len(cells) != layout.width or not cells[layout.word].strip(" "):
            cells = self._fitted(line, cells, number)
        word, tag = cells[layout.word].strip(" "), cells[layout.tag].strip(" ")
        if ASSIGNMENT.match(line) and not (is_tag(tag) or tag in layout.known_tags or self._may_repair):
            raise self.error(number, f"got tag {tag!r:.40}; expected O, or a label. {AS_HEADERS} '#'")
        if layout.tags != "gold" and layout.word != layout.width - 1 and tag not in (FILLER, ""):
            message = f"got {tag!r} as tag; expected {FILLER!r}, as the file starts without tags"
            raise DataError(f"{message}. Fix: tag all of it or none", self.path, number)
        others = tuple([other for column, other in enumerate(cells) if column not in own])
        cell = (others, "" if absent else tag)
        before, _, after = line.partition(layout.separators[0][0] if layout.separators else " ")
        if before == word and not faulty and not layout.word and (tag or layout.width == 1):
            if len(self._cells) >= CACHED:
                self._cells.clear()
            self._cells[after] = cell
        return word, cell

    def _fitted(self, line: str, cells: list[str], number: int) -> list[str]:
        """The cells of a line that has too many or too few of them, or no word or tag between tabs: a fault."""
        layout, count = self.layout, sum(bool(cell.strip(" ")) for cell in cells)
        shown = "" if line.replace("\t", " ").isprintable() else f", {line[:40]!r}"
        got = f"got {count} column{'s' * (count > 1)}{shown}"
        message = f"{got}; expected {layout.width} as before, separated by {'' if layout.tabs else 'spaces or '}tabs"
        if line[0] in COMMENTS and not self._may_repair:
            raise self.error(number, f"{message}. {AS_HEADERS} '{line[0]}'")
        self._fault(number, message, "repaired")
        missing = "O" if layout.tags == "gold" else FILLER
        at = layout.tag % layout.width
        if len(cells) != layout.width and layout.tags != "absent":
            found = -1 if layout.tag == -1 and len(cells) > 1 else at  # where the tag is
            tag = cells.pop(found) if found < len(cells) and TAG.fullmatch(cells[found]) else missing
            cells = [*cells, *[FILLER] * layout.width][: layout.width - 1]
            cells.insert(at, tag)
        cells = [*cells, *[FILLER] * layout.width][: layout.width]
        cells[at] = cells[at].strip(" ") or missing
        cells[layout.word] = cells[layout.word].strip(" ") or FILLER
        return cells

    def _unprefixed(self, word: str, prefix: str, number: int) -> str:
        """A word without the prefix that all others have."""
        if word.startswith(prefix) and word != prefix:
            return word.removeprefix(prefix)
        self._fault(number, f"got word {word!r}; expected one that starts with {prefix!r}, as all before", "repaired")
        return word

    def _entities(self, tags: list[str], line: int) -> tuple[Entity, ...] | None:
        if self.layout.tags != "gold":
            return None
        if tags.count("O") == len(tags) and not isinstance(self._tags, PairCounter):
            return ()
        return self._from_tags(tags, line, lines=True)
