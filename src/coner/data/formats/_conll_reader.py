"""CoNLL: a word a line, columns apart by spaces or tabs, an empty line between sentences.

The first column is the word, the last one its tag, what is between is kept as it is. Columns are apart by ASCII
spaces and tabs and by nothing else: zero-width and no-break spaces, U+2028 and their like are part of the word. A line
of spaces and tabs only is an empty line. A line that begins with ``# id `` (or with the comment mark that the user
names) is a header of the sentence below it; any other ``#`` begins a word.

A file has no tags where it has one column, or where the last column of its first sentence holds only ``_``. A last
column of ``_`` is the place for the tags, except in files of three columns: those are the shared task's test files, to
which a fourth column is added.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.tags import Scheme, read_tags
from coner.core.types import Entity, Sentence
from coner.data.reading.layout import FILLER, HEADER, ConllLayout
from coner.data.reading.reader import Reader

SPACES = re.compile("[ \t]+")
TAG = re.compile("O|[BIES]-.+")
FITTING: dict[Scheme, dict[str, Scheme]] = {  # what a faulty tag, by its first letter, may be a sign of
    "iob2": {"I": "iob1", "E": "bioes", "S": "bioes"},
    "iob1": {"B": "iob2", "E": "bioes", "S": "bioes"},
    "bioes": {"O": "iob2", "B": "iob2"},
}
CACHED = 1 << 16  # distinct line ends; files with free text in a middle column have more, and start over


@dataclass(slots=True)
class _Block:
    """The lines of one sentence; the last one of a file may have none."""

    gap: list[str] = field(default_factory=list)  # empty lines above
    header: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    line: int = 0  # of the first row

    @property
    def begin(self) -> int:
        return self.line - len(self.header)


class ConllReader(Reader):
    """Reads CoNLL; beside what every reader takes:

    Args:
        scheme: how mentions are written; never guessed.
        comment: lines that begin with it are headers too.

    ``repaired`` counts tags, lines and bytes; ``skipped`` headers without a word below, which are no sentence.
    """

    layout: ConllLayout

    def __init__(
        self,
        path: str | Path,
        *,
        scheme: Scheme = "iob2",
        repair: bool = False,
        labels: Collection[str] | None = None,
        gold: bool = False,
        comment: str | None = None,
        on_fault: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(path, repair=repair, labels=labels, gold=gold, on_fault=on_fault)
        self.layout = ConllLayout()
        self._scheme = scheme
        self._marks = (HEADER, comment) if comment else (HEADER,)
        self._cells: dict[str, tuple[tuple[str, ...], str]] = {}  # rest of a line: middle columns, tag

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        count, apart = 0, ""
        if self._begun:
            self.layout, count, apart = self._begun, 1, self._begun.between
        for block in self._blocks(lines):
            gap = "".join(line + lines.newline for line in block.gap)
            if not block.rows:
                self.layout = replace(self.layout, ending=gap, final_newline=lines.final_newline)
                break
            if count == 0:
                self._begin(block, gap, lines)
            elif gap and not apart:  # a header that was found inside a sentence has no gap above it
                apart = gap
                self.layout = replace(self.layout, between=gap)
            count += 1
            yield self._sentence(block)
        if not count and not self._narrowed:
            raise DataError("holds no sentence; expected a word a line", self.path)

    def _blocks(self, lines: Iterable[str]) -> Iterator[_Block]:
        """One a sentence, and a last one without rows."""
        block, marks, number = _Block(), self._marks, 0
        for number, line in enumerate(lines, 1):
            if not line or (line[0] in " \t" and not line.strip(" \t")):
                if block.rows:
                    yield block
                    block = _Block()
                elif block.header:
                    self._orphan(block, number)
                    block.header = []
                block.gap.append(line)
            elif line.startswith(marks):
                if block.rows:
                    self._mend(number, "a header inside a sentence; expected an empty line above it")
                    yield block
                    block = _Block()
                block.header.append(line)
            else:
                if not block.rows:
                    block.line = number
                block.rows.append(line)
        if block.rows:
            yield block
            block = _Block()
        elif block.header:
            self._orphan(block, number + 1)
        yield block

    def _begin(self, block: _Block, gap: str, lines: Lines) -> None:
        """Learn the file's looks from its first sentence."""
        rows = [SPACES.split(row.strip(" \t")) for row in block.rows]
        width = Counter(map(len, rows)).most_common(1)[0][0]  # so that a fault in the first line is found there
        usual = next(row for row, cells in zip(block.rows, rows, strict=True) if len(cells) == width)
        untagged = width == 1 or all(row[-1] == FILLER for row in rows if len(row) == width)
        if untagged and self._gold:
            what = "has one column" if width == 1 else f"has only {FILLER!r} in the last column"
            raise DataError(f"{what}: no tags; expected a file with gold tags", self.path, block.line)
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
        apart = separators[0][0] if separators else " "
        other = "\t" if apart == " " else " "
        known, words, cells = self._cells.get, [], []
        for index, line in enumerate(block.rows):
            word, _, rest = line.partition(apart)
            cell = known(rest)
            if cell is None or not word or other in word:
                word, cell = self._columns(line, block.line + index)
            words.append(word)
            cells.append(cell)
        wide = len(separators) > (self.layout.tags != "absent")
        return Sentence(
            words=tuple(words),
            entities=self._entities([tag for _, tag in cells], block.line),
            id=_id(block.header),
            header=tuple(block.header),
            columns=tuple([middle for middle, _ in cells]) if wide else (),
            line=block.begin,
        )

    def _columns(self, line: str, number: int) -> tuple[str, tuple[tuple[str, ...], str]]:
        """Cut a line that was not seen before: its word, and its middle columns with its tag."""
        word, *rest = SPACES.split(line.strip(" \t"))
        width = len(self.layout.separators)
        if faulty := len(rest) != width:
            came = f"{len(rest) + 1} column{'s' * bool(rest)} where the file began with {width + 1}"
            self._mend(number, f"{came}; expected one word and its columns a line, apart by spaces or tabs")
            rest = self._refit(rest, width)
        absent = self.layout.tags == "absent"
        if self.layout.tags != "gold" and rest and rest[-1] != FILLER:
            raise DataError(f"{rest[-1]!r} where the file began without tags; tag all of it or none", self.path, number)
        cell = (tuple(rest), "") if absent else (tuple(rest[:-1]), rest[-1])
        before, _, after = line.partition(self.layout.separators[0][0] if width else " ")
        if before == word and not faulty:
            if len(self._cells) >= CACHED:
                self._cells.clear()
            self._cells[after] = cell
        return word, cell

    def _refit(self, rest: list[str], width: int) -> list[str]:
        """Repair: middle columns are cut or filled; the tag is the last cell that looks like one, else ``O``."""
        tags = ["O" if self.layout.tags == "gold" else FILLER] * (self.layout.tags != "absent")
        if rest and tags and TAG.fullmatch(rest[-1]):
            rest, tags = rest[:-1], rest[-1:]
        middle = width - len(tags)
        return (rest + [FILLER] * middle)[:middle] + tags

    def _entities(self, tags: list[str], line: int) -> tuple[Entity, ...] | None:
        if self.layout.tags != "gold":
            return None
        if tags.count("O") == len(tags):
            return ()
        entities, faults = read_tags(tags, self._scheme)
        for index, message in faults:
            fitting = FITTING[self._scheme].get(tags[index][0])
            advice = f"; if the file is written so, read it with --scheme {fitting}" if fitting else ""
            self._mend(line + index, message + advice)
        for entity in entities:
            self._check_label(entity.label, line + entity.start)
        return tuple(entities)

    def _orphan(self, block: _Block, number: int) -> None:
        """A header without words; one of the user's own comments stands anywhere."""
        named = any(line.startswith(HEADER) for line in block.header)
        message = f"header {block.header[0]!r} without a word below it"
        (self._skip if named else self._skipped)(number - len(block.header), message)


def _id(header: list[str]) -> str | None:
    """What follows the first ``# id ``, up to a tab."""
    ids = (line.removeprefix(HEADER).partition("\t")[0].strip(" ") for line in header if line.startswith(HEADER))
    return next(ids, None) or None
