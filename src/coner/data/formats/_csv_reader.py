"""The reader of CSV; for the names of columns see ``data.reading.delimited``.

A sentence of words ends at an empty row, and where the sentence or document changes: its column is filled in every row,
or only in the first of a sentence. Without such a column it ends where one that counts the words starts again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Unpack

from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError
from coner.core.lines import Lines
from coner.core.tags import OUTSIDE
from coner.core.types import Entity, Sentence
from coner.data.reading.cells import CellColumn
from coner.data.reading.columns import parse_columns
from coner.data.reading.delimited import (
    ANNOTATIONS,
    TAG_CELL,
    TEXTS,
    EncodedLines,
    Header,
    plain_name,
    read_header,
    read_list,
    read_tags,
    restarting,
    row_columns,
    row_unit,
    spaced,
)
from coner.data.reading.reader import Reader, ReadOptions
from coner.data.reading.words import lone_surrogate

Row = tuple[int, list[str]]  # the number of its first line, and its cells
SAMPLE = 100  # rows that decide whether a row is a word or a sentence
LONGEST = 1000  # words of a sentence in a file without any end of a sentence
NAMES = ("word", "tag", "sentence")
STARTS = frozenset(("start", "startoffset", "startchar", "beginoffset"))  # of columns with the starts of spans
LINE_END = re.compile("[\r\n]")
EXAMPLE = "--columns word=NAME,tag=NAME, with names or numbers"


class CsvReader(Reader):
    by_columns = True
    expected = "a header and a row per word or per sentence"

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self._lines = self._encoded = EncodedLines(path, self._count_fault if self._may_repair else None)
        self._named = parse_columns(options.get("columns"))
        if other := sorted(self._named.keys() - set(NAMES)):
            raise ConfigError(f"columns: got {other[0]}=; expected {', '.join(NAMES)}, such as word=Word,tag=Tag")
        self._ends = 0  # of sentences, so far
        self._found: list[str] = []  # notes on the columns
        self._index: int | None = None  # the column that counts the words of each sentence

    @property
    def notes(self) -> list[str]:
        latin = "not UTF-8: read as Windows-1252 (Latin-1); if it has another encoding: iconv -f ENCODING -t UTF-8"
        alone = "no column of sentences and no empty rows: read as one sentence"
        return [*self._found, *super().notes, *[latin] * bool(self._encoded.latin), *[alone] * (self._ends == 0)]

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        numbered = enumerate(lines, 1)
        number, line = next(((n, text) for n, text in numbered if text.strip() and not self._is_comment(text)), (0, ""))
        if not number:
            return
        header, first = self._header(number, line)
        rows = self._rows(header, (text for _, text in numbered), number)
        sample = first + list(islice(rows, SAMPLE))
        unit = row_unit(header, [cells for _, cells in sample if cells])
        self._check_columns(header, [cells for _, cells in sample if cells], number)
        self._ends += unit != "words"
        if unit == "words" and "sentence" not in header.places:
            self._find_index(header, [cells for _, cells in sample if cells])
        rows = chain(sample, rows)
        yield from self._from_words(header, rows) if unit == "words" else self._whole(header, rows, unit)

    def _is_comment(self, line: str) -> bool:
        return self._comment is not None and line.startswith(self._comment)

    def _header(self, number: int, line: str) -> tuple[Header, list[Row]]:
        """The header; and the row that it is instead, if columns have numbers and that of the tags has one."""
        try:
            header = read_header(line, self._named)
            if "word" not in header.places and not self._named and (columns := row_columns(header.names)):
                self._named, header = columns, read_header(line, columns)
                note = "no header: words are read from column {word}, tags from column {tag}"
                self._found.append(note.format(**columns))
        except ValueError as error:
            raise DataError(f"{error}. Fix: {EXAMPLE}", self.path, number) from None
        got = f"got the columns {', '.join(map(repr, header.names)):.200}"
        places = header.places
        if "word" not in places:
            expected = "expected the names of columns, such as word and tag"
            raise DataError(f"{got}; {expected}. Fix: {EXAMPLE}", self.path, number)
        self._refuse_spans(header, got, number)
        lost = [name for name in header.names if plain_name(name) in ANNOTATIONS]
        if "tag" not in places and (self._gold or (lost and not self._named)):
            found = f"with {lost[0]!r}, which is not read" if lost else "none of them with tags"
            fix = f"{EXAMPLE}; to read it without labels: --columns word={header.names[places['word']]}"
            raise DataError(f"{got}, {found}; expected a tag per word. Fix: {fix}", self.path, number)
        numbered = all(isinstance(self._named.get(role), int) for role in ("word", "tag"))
        if numbered and TAG_CELL.fullmatch(header.names[places["tag"]]):
            return replace(header, places={role: places[role] for role in self._named}), [(number, list(header.names))]
        if header.doubled:
            raise DataError(f"{got}, {header.doubled!r} twice; expected it once. Fix: {EXAMPLE}", self.path, number)
        self.ignored.update(f"column {name}" for name in header.unused if name)
        return header, []

    def _refuse_spans(self, header: Header, got: str, number: int) -> None:
        """``DataError`` if the texts of a table have spans instead of tags."""
        names = {plain_name(name): name for name in header.names}
        found = STARTS & names.keys() or (ANNOTATIONS & names.keys() if "tag" not in header.places else ())
        if found and not self._named and plain_name(header.names[header.places["word"]]) in TEXTS:
            fix = "Fix: write an object with text and entities per line, as JSONL"
            raise DataError(
                f"{got}, with spans as {names[min(found)]!r}; expected a tag per word. {fix}", self.path, number
            )

    def _check_columns(self, header: Header, rows: Sequence[Sequence[str]], number: int) -> None:
        """``DataError`` if no column is known as that of the tags, but one holds them."""
        if "tag" in header.places or self._named or self._predicted:
            return
        for at, name in enumerate(header.names):
            column = CellColumn([[cells[at].strip(" ") for cells in rows]])
            if name in header.unused and column.looks == "tags" and OUTSIDE in column.cells:
                message = f"got tags in the column {name!r:.80}, which is not read; expected a column 'tag'"
                word = header.names[header.places["word"]]
                raise DataError(f"{message}. Fix: --columns 'word={word},tag={name}'", self.path, number)

    def _find_index(self, header: Header, rows: Sequence[Sequence[str]]) -> None:
        """Find the column that counts the words of each sentence, if there is one."""
        unused = (at for at in range(len(header.names)) if at not in header.places.values())
        self._index = next((at for at in unused if restarting([cells[at] for cells in rows])), None)
        if self._index is not None:
            name = header.names[self._index]
            self.ignored.pop(f"column {name}", None)
            self._found.append(f"a sentence starts where column {name!r:.80} is {rows[0][self._index]} again")

    def _rows(self, header: Header, lines: Iterable[str], before: int) -> Iterator[Row]:
        """The rows that have all columns; empty ones without cells."""
        width, following = len(header.names), before + 1
        for cells, count in header.rows("" if self._is_comment(line) else line for line in lines):
            number, following = following, before + count + 1
            if isinstance(cells, csv.Error):
                self._fault(number, f"got a row that is not CSV: {cells}; expected quotes in a cell to be doubled")
                self.faults["unreadable"] += following - number - 1
            elif not "".join(cells).strip():
                yield number, []
            elif width > 1 == len(cells) and cells[0].startswith("# "):
                self.ignored["comments"] += 1
            elif len(cells) != width:
                self._fault(number, f"got {len(cells)} column{'s' * (len(cells) > 1)}; expected {width} as before")
            else:
                yield number, cells

    def _from_words(self, header: Header, rows: Iterable[Row]) -> Iterator[Sentence]:
        """The sentences of a table with a row per word."""
        block: list[Row] = []
        id, document, blank = "", "", False  # of the block; whether the row before left out the sentence
        at = self._index
        for number, cells in rows:
            key, other = header.id_cell(cells, "sentence"), header.id_cell(cells, "document")
            new = bool(key and (key != id or blank)) or bool(other and other != document)
            restart = at is not None and bool(cells and block) and cells[at] == block[0][1][at]
            if block and (new or restart or not cells):
                self._ends += 1
                yield from self._sentence(header, block, id or document)
                block, id = [], ""
            if cells:
                id, document, blank = key or id, other or document, not key
                block.append((number, cells))
            if len(block) > LONGEST and not self._ends and "sentence" not in header.places:
                message = f"got {LONGEST} words without the end of a sentence; expected a column of sentences"
                fix = "name it with --columns sentence=NAME, or put an empty row after each sentence"
                raise DataError(f"{message}. Fix: {fix}", self.path, number)
        if block:
            self._ends += not header.places.keys().isdisjoint(("sentence", "document"))
            yield from self._sentence(header, block, id or document)

    def _sentence(self, header: Header, block: list[Row], id: str) -> Iterator[Sentence]:
        """The sentence of the rows of its words, if it has any."""
        numbers, words, tags = list[int](), list[str](), list[str]()
        for number, cells in block:
            word, tag = header.cell(cells, "word"), header.cell(cells, "tag")
            if word and not LINE_END.search(word + tag):
                numbers.append(number)
                words.append(word)
                tags.append(tag)
            else:
                got = f"word {word!r:.40} over several lines, as if a quote were not closed" if word else "no word"
                self._fault(number, f"got {got}; expected a word per row")
        if words:
            entities = self._entities(tags, numbers) if any(tags) else None
            if entities is None and self._gold:
                raise self.error(numbers[0], "got a sentence without tags; expected gold labels")
            yield Sentence(tuple(words), entities, id or None, line=numbers[0])

    def _entities(self, tags: list[str], numbers: list[int]) -> tuple[Entity, ...]:
        for number, tag in zip(numbers, tags, strict=True):
            if not tag:
                self._fault(number, f"got no tag; expected one, or {OUTSIDE}", "repaired")
        together = numbers[-1] - numbers[0] == len(numbers) - 1
        return self._from_tags([tag or OUTSIDE for tag in tags], numbers[0], lines=together)

    def _whole(self, header: Header, rows: Iterable[Row], unit: str) -> Iterator[Sentence]:
        """The sentences of a table with a row per sentence, in which each is a text or a list of words."""
        for number, cells in rows:
            text, tags = header.cell(cells, "word"), read_tags(header.cell(cells, "tag"))
            if not text and not tags:
                continue
            offsets = spaced(text, len(tags)) if tags else self._split(text)
            words = [text[a:b] for a, b in offsets] if unit == "texts" else read_list(text) or []
            if not words or not all(words) or lone_surrogate("".join(words)) is not None:
                self._fault(number, f"got {text!r:.60}; expected {'a list of words' if unit == 'lists' else 'a text'}")
            elif any(tag.startswith(("[", "{")) for tag in tags):
                raise self.error(
                    number, f"got spans {tags[0]!r:.40}; expected a tag per word. Fix: export them as JSON"
                )
            elif tags and len(tags) != len(words):
                got = f"{counted(len(tags), 'tag')} for {counted(len(words), 'word')}"
                self._fault(number, f"got {got}; expected a tag for each")
            elif broken := [tag for tag in tags if LINE_END.search(tag)]:
                self._fault(number, f"got tag {broken[0]!r:.40} over several lines; expected a tag for each word")
            elif not tags and self._gold:
                raise self.error(number, "got a sentence without tags; expected gold labels")
            elif all(map(str.isdecimal, tags)) and not set(tags) <= {"0", *self._numbered}:
                fix = f"--rename {max(tags)}=NAME for each; dataset.features['ner_tags'].feature.names has them"
                raise self.error(number, f"got tags {' '.join(tags):.40}; expected tags, not their numbers. Fix: {fix}")
            else:
                yield Sentence(
                    words=tuple(words),
                    entities=self._from_tags(tags, number) if tags else None,
                    id=header.cell(cells, "sentence") or header.cell(cells, "document") or None,
                    text=text if unit == "texts" else None,
                    offsets=tuple(offsets) if unit == "texts" else (),
                    line=number,
                )
