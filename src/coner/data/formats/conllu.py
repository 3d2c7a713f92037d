"""CoNLL-U, with named entities in MISC (``name=B-PER``), and CoNLL-U Plus, with a column of them.

Words are the syntactic words; those of a multiword token (``1-2``) only if it does not have the tag itself. A file in
which no word has a tag is read without labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError
from coner.core.lines import Lines
from coner.core.tags import OUTSIDE
from coner.core.types import Entity, Sentence
from coner.data.formats import Format, formats
from coner.data.reading.columns import parse_columns
from coner.data.reading.delimited import TAG, TAG_CELL, plain_name
from coner.data.reading.reader import FILLER, Reader
from coner.data.reading.spans import align_words
from coner.data.reading.words import Span

ID, FORM, LEMMA, MISC, EXTRA = "ID", "FORM", "LEMMA", "MISC", "NER"  # the last one is the name of an eleventh column
COLUMNS = (ID, FORM, LEMMA, "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", MISC)
GLOBAL = "# global.columns ="
COMMENT = re.compile("# *(sent_id|text) *=(.*)")
KEYS = frozenset(("name", "entity", *TAG.split()))
NUMBER = re.compile("([0-9]{1,9})(?:-([0-9]{1,9})|([.][0-9]+))?")
ROW = re.compile(rb"[0-9]+(?:[-.][0-9]+)?\t[^\t]+(?:\t[^\t]+){4}\t(?:_|[0-9]+)\t[^\t]+\t[^\t]+\t(?:_|[^\t]*=[^\t]*)")
BRACKETS = re.compile(r"[()]")  # of coreference in ``Entity``


@dataclass
class _Columns:
    """The columns of a file."""

    names: tuple[str, ...] = COLUMNS
    tags: Counter[str] = field(default_factory=Counter)  # how often each column or key of MISC has a tag
    outside: set[str] = field(default_factory=set)  # those of them that have ``O``, too
    keys: Counter[str] = field(default_factory=Counter)  # of MISC
    coreference: bool = False
    unread: set[str] = field(default_factory=set)  # columns with mentions

    def count(self, cells: list[str]) -> None:
        """Note which columns and keys of MISC may hold tags."""
        for at, name in _candidates(self.names):
            if name == MISC:
                if TAG_CELL.fullmatch(cells[at]) and "=" not in cells[at]:
                    self._add(name, cells[at])
                for key, value in _misc(cells[at]):
                    self.keys[key] += 1
                    self._count(key, value)
            else:
                self._count(name, cells[at])
        self.unread.update(name for name, cell in zip(self.names, cells, strict=True) if cell[:2] in ("B-", "I-"))

    def _count(self, name: str, value: str) -> None:
        if _may_hold_tags(name) and value not in ("", FILLER):
            if BRACKETS.search(value):
                self.coreference = True
            else:
                self._add(name, value)

    def _add(self, name: str, tag: str) -> None:
        self.tags[name] += 1
        if tag == OUTSIDE:
            self.outside.add(name)

    def tag(self, cells: list[str], key: str | None) -> str | None:
        """What a line has in a column, or as a key of MISC; ``None`` for nothing or ``_``."""
        misc = _misc(cells[self.names.index(MISC)]) if MISC in self.names else ()
        value = cells[self.names.index(key)] if key in self.names else dict(misc).get(key or "", "")
        return None if value in ("", FILLER) else value


@lru_cache(maxsize=1 << 16)
def _misc(cell: str) -> tuple[tuple[str, str], ...]:
    items = (item.partition("=") for item in cell.split("|"))
    return tuple([(key, value) for key, equals, value in items if equals])


@lru_cache
def _candidates(names: tuple[str, ...]) -> list[tuple[int, str]]:
    return [(at, name) for at, name in enumerate(names) if name == MISC or _may_hold_tags(name)]


@lru_cache
def _may_hold_tags(name: str) -> bool:
    return plain_name(name.rpartition(":")[2]) in KEYS


class _Word(NamedTuple):
    number: int
    form: str
    tag: str | None


class ConlluReader(Reader):
    by_columns = True
    expected = "a word per line in the columns of CoNLL-U"
    _columns = _Columns()
    _key: str | None = None  # the column or key of MISC that has the tags

    @property
    def notes(self) -> list[str]:
        keys = ", ".join(key for key, _ in self._columns.keys.most_common(5)) or "nothing"
        coreference = ": Entity= is coreference" * self._columns.coreference
        none = f"no named entities are read: MISC has {keys}{coreference}"
        return [*super().notes, *[none] * (self._key is None)]

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        source: Iterable[str] = lines if self._rereadable() else list(lines)
        first = Lines(self.path, lambda number, message: None) if source is lines else source
        self._columns = columns = self._survey_columns(first)
        self._key = self._find_key(columns)
        self.ignored["other columns"] += len(set(columns.names) - {ID, FORM, MISC, self._key})
        block: list[tuple[int, str]] = []
        comments: dict[str, str] = {}
        for number, line in enumerate(source, 1):
            if line.startswith("#"):
                self._comment_line(line, comments)
            elif line.strip():
                block.append((number, line))
            else:
                yield from self._sentence(block, comments)
                block, comments = [], {}
        yield from self._sentence(block, comments)

    def _survey_columns(self, lines: Iterable[str]) -> _Columns:
        columns, rows = _Columns(), 0
        for number, line in enumerate(lines, 1):
            if line.startswith(GLOBAL):
                columns.names = tuple(line.removeprefix(GLOBAL).split())
                if not {ID, FORM} <= set(columns.names):
                    raise DataError(f"got {line!r:.200}; expected ID and FORM among the columns", self.path, number)
            elif line.strip() and not line.startswith("#"):
                cells, rows = line.split("\t"), rows + 1
                if rows == 1 and columns.names == COLUMNS and len(cells) == len(COLUMNS) + 1:
                    columns.names = (*COLUMNS, EXTRA)
                if len(cells) == len(columns.names):
                    columns.count(cells)
        return columns

    def _find_key(self, columns: _Columns) -> str | None:
        named = parse_columns(self._options.get("columns"))
        if other := sorted(named.keys() - {"tag"}):
            raise ConfigError(f"columns: got {other[0]}=; expected tag=, a column or key of MISC, such as tag=name")
        key = named.get("tag")
        if isinstance(key, int):
            if not 1 <= abs(key) <= len(columns.names):
                got = f"got {counted(len(columns.names), 'column')}, where --columns has tag={key}"
                raise DataError(got, self.path)
            return columns.names[key - (key > 0)]
        if key is not None:
            if key not in columns.names and not columns.keys[key]:
                found = f"{', '.join((*columns.names, *columns.keys)):.200}"
                raise DataError(f"got columns and keys of MISC {found}; expected one {key!r}", self.path)
            return key
        if len(columns.tags) > 1:
            got = f"got tags as {' and '.join(sorted(columns.tags))}; expected one of them"
            raise DataError(f"{got}. Fix: --columns tag=NAME", self.path)
        if (unread := sorted(columns.unread - {FORM, LEMMA})) and not columns.tags and not self._predicted:
            got = f"got tags in the column {unread[0]!r:.80}, which is not read"
            raise DataError(f"{got}; expected them in MISC. Fix: --columns tag={unread[0]}", self.path)
        if self._gold and not columns.tags:
            got = f"got no tags, neither in a column nor in MISC, which has {', '.join(columns.keys) or 'nothing':.200}"
            raise DataError(f"{got}; expected gold labels. Fix: if a key has them, --columns tag=KEY", self.path)
        return next(iter(columns.tags), None)

    def _comment_line(self, line: str, comments: dict[str, str]) -> None:
        if match := COMMENT.fullmatch(line):
            comments[match[1]] = match[2].strip()
        elif not line.startswith(GLOBAL):
            self.ignored["comments"] += 1

    def _sentence(self, block: list[tuple[int, str]], comments: dict[str, str]) -> Iterator[Sentence]:
        if not (words := list(self._words(block))):
            return
        forms = [word.form for word in words]
        text, offsets = self._text(comments.get("text"), forms)
        entities = None if self._key is None else self._entities(words)
        yield Sentence(
            tuple(forms), entities, comments.get("sent_id") or None, text=text, offsets=offsets, line=words[0].number
        )

    def _text(self, text: str | None, forms: list[str]) -> tuple[str | None, tuple[Span, ...]]:
        """The text that a comment has, and the span of each word; none if the words differ, as multiword tokens do."""
        try:
            return align_words({"text": text, "words": forms}, self._split) if text else (None, ())
        except ValueError:
            return None, ()

    def _words(self, block: list[tuple[int, str]]) -> Iterator[_Word]:
        columns, covered = self._columns, 0  # the last word of a multiword token that has a tag
        width, id, form = len(columns.names), columns.names.index(ID), columns.names.index(FORM)
        for number, line in block:
            cells = line.split("\t")
            match = NUMBER.fullmatch(cells[id]) if len(cells) == width else None
            if match is None or not cells[form]:
                expected = f"expected {width}, separated by tabs, with a number as {ID} and a word as {FORM}"
                self._fault(number, f"got {len(cells)} column{'s' * (len(cells) > 1)}, {line[:40]!r}; {expected}")
                continue
            word = _Word(number, cells[form], columns.tag(cells, self._key))
            if match[3]:
                self.ignored["empty nodes"] += 1
            elif not match[2]:
                if int(match[1]) > covered:
                    yield word
                else:
                    self.ignored["words of multiword tokens"] += 1
            elif word.tag is None:
                self.ignored["multiword tokens"] += 1
            else:
                covered = int(match[2])
                yield word

    def _entities(self, words: list[_Word]) -> tuple[Entity, ...]:
        tags, dense = [], self._key in self._columns.outside
        for word in words:
            if word.tag is None and dense:
                self._fault(word.number, f"got no {self._key} of {word.form!r:.40}; expected a tag or O", "repaired")
            tags.append(word.tag or OUTSIDE)
        together = all(b.number == a.number + 1 for a, b in pairwise(words))
        return self._from_tags(tags, words[0].number, lines=together)


class Conllu(Format):
    title = "CoNLL-U"
    reader = ConlluReader
    input_suffixes = (".conllu", ".conllup")
    holds = frozenset({"word borders", "labels", "ids", "white space"})
    certain = True

    def sniff(self, head: bytes) -> float:
        """Most lines have its ten columns, or the first comment names others."""
        lines = [line for line in head.split(b"\n")[:200] if line.strip()]
        rows = [line for line in lines if not line.startswith(b"#")]
        named = any(line.startswith(GLOBAL.encode()) for line in lines)
        sure = named or 10 * sum(bool(ROW.fullmatch(row.rstrip(b"\r"))) for row in rows) >= 9 * max(1, len(rows))
        return 1.0 if sure else 0.05 * any(row.count(b"\t") >= len(COLUMNS) - 1 for row in rows)


formats.register(Conllu())
