"""The columns and empty lines of a CoNLL file, with which it is written again as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import itemgetter
from typing import Literal

CELL = re.compile("[^ \t]+")


@dataclass(frozen=True, slots=True)
class ConllLayout:
    """Columns and empty lines of a CoNLL file; the defaults are MultiCoNER's."""

    separators: tuple[str, ...] = (" ", " ", " ")  # white space between the columns, one fewer than columns
    tags: Literal["gold", "filler", "absent"] = "gold"  # in their column; filler: it holds ``_``; absent: no column
    beginning: str = "\n"  # the empty lines before the first sentence, verbatim
    between: str = "\n\n"
    ending: str = "\n"
    newline: str = "\n"
    final_newline: bool = True  # the last line has a line end
    bom: bool = False  # the file starts with a byte order mark
    word: int = 0  # the column of the words, from 0
    tag: int = -1  # that of the tags; -1: the last
    prefix: str = ""  # of every word in the file, such as ``en:``; no part of the words
    inner: int | None = field(default=None, compare=False, repr=False)  # the column of inner mentions, not read
    known_tags: frozenset[str] = field(default=frozenset(), compare=False, repr=False)  # of its first sentences

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.separators) + 1

    @property
    def tabs(self) -> bool:
        """Only tabs separate the columns: cells may have spaces, or be empty."""
        return bool(self.separators) and all(separator == "\t" for separator in self.separators)

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where the cells of a line start and end; there may be more or fewer than columns, or empty ones."""
        if self.tabs and line.count("\t") == len(self.separators):
            spans, start = [], 0
            for cell in line.split("\t"):
                spans.append((start, start + len(cell)))
                start += len(cell) + 1
            return spans
        return [match.span() for match in CELL.finditer(line)]

    def cells(self, line: str) -> list[str]:
        """The cells of a line; there may be more or fewer than columns."""
        return [line[start:end] for start, end in self.spans(line)]

    def word_span(self, line: str) -> tuple[int, int]:
        """Where the word of a line starts and ends, without the prefix; all of a line that has no such column."""
        start, end = [*self.spans(line), *repeat((0, len(line)), self.width)][self.word]
        return start + len(self.prefix) * line.startswith(self.prefix, start), end

    def around(self, others: Sequence[str], tag: str) -> tuple[str, str]:
        """What a line holds before and after its word; an empty ``tag`` is left out, others stay in their order."""
        cells: list[str | None] = [*others]
        last = self.tag < 0 or self.tags == "absent"
        inserted: list[tuple[int, str | None]] = [(self.word, None)]
        if tag:
            inserted.append((len(others) + 1 if last else self.tag, tag))
        for at, cell in sorted(inserted, key=itemgetter(0)):
            cells.insert(at, cell)
        separators = chain(self.separators, repeat(self.separators[-1] if self.separators else " "))
        text, before = "", ""
        for cell, separator in zip(cells, chain([""], separators), strict=False):
            text += separator
            if cell is None:
                before, text = text + self.prefix, ""
            else:
                text += cell
        return before, text
