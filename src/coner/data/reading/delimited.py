"""Tables of text: encoding, delimiter and quotes of a CSV file, the columns that its header names, lists in cells."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

from coner.core.lines import Lines
from coner.core.opening import open_bytes, raw_lines
from coner.core.tags import OUTSIDE
from coner.data.reading.words import SPACED, Span

DELIMITERS = ",;\t|"
TEXTS = ("text", "fulltext", "sentence", "sentences")
WORD = " ".join(("word", "words", "token", "tokens", "form", *TEXTS))
TAG = "nertag nertags ner netag netags ne tag tags label labels wordlabels iob iobtag iobtags bio biotag biotags"
TAG += " entitytag namedentity necoarselit"
TAG_NAME = re.compile("(?:bio|iob2?|ne|ner|entity)+(?:tag|label)s?")  # any other that is made of these words
SENTENCE = "sentence# sentenceid sentid sentenceidx sentidx sentenceindex sentenceno sentno sentencenumber sentencenr"
SENTENCE += " sentence sent"
DOCUMENT = "doc docid document documentid docname"
ROLES = {"word": WORD, "tag": TAG, "sentence": SENTENCE, "document": DOCUMENT}  # the first that a header has counts
ANNOTATIONS = frozenset(("entity", "entities", "span", "spans", "annotation", "annotations"))
ANY_SPACED = re.compile(r"\S+")
MENTION = re.compile("[BIESLUMW][-_].+")
TAG_CELL = re.compile("O|[A-Za-z][-_].+")
ITEM = re.compile(r"""\s*(?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)"|([^\s,'"\[\]()]+))(?:\s*,|(?=\s)|$)""", re.S)
MISSING = frozenset(("nan", "NaN", "<NA>", "None"))  # of pandas, as text
HEX = "[0-9a-fA-F]"
ESCAPED = re.compile(rf"\\(x{HEX}{{2}}|u{HEX}{{4}}|U{HEX}{{8}}|.)", re.S)
CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
FOREIGN = 0.3  # the share of letters beyond ASCII above which a file is no language of Latin-1


def plain_name(name: str) -> str:
    """The name of a column without case, spaces and separators."""
    return re.sub(r"[\s_.:-]", "", name).casefold()


class EncodedLines(Lines):
    """The lines of a file in UTF-8, or, if nothing beyond ASCII is UTF-8, in Windows-1252, which contains Latin-1."""

    latin: bool | None = None  # once a byte is not UTF-8: whether the file is Windows-1252

    def _decode(self, line: bytes, number: int) -> str:
        if self.latin is None:
            self.latin = str(self.path) != "-" and self._is_latin()
        return windows_1252(line) if self.latin else super()._decode(line, number)

    def _is_latin(self) -> bool:
        letters = foreign = 0
        with open_bytes(self.path) as handle:
            for line in raw_lines(handle, self.path):
                if not line.isascii():
                    if is_utf8(line.removeprefix(b"\xef\xbb\xbf")):
                        return False
                    foreign += sum(byte > 0x7F for byte in line)
                letters += sum(map(str.isalpha, line.decode("latin-1")))
        return foreign <= FOREIGN * letters


def is_utf8(line: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def windows_1252(line: bytes) -> str:
    """The text of a line in Windows-1252; the five bytes without a character are those of Latin-1, as in browsers."""
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")


@dataclass(frozen=True)
class Header:
    """The first line of a table."""

    names: tuple[str, ...] = ()  # of its columns
    delimiter: str = DELIMITERS[0]
    quoted: bool = True  # any cell may be quoted; else, in a file separated by tabs, only one that needs it
    places: Mapping[str, int] = field(default_factory=dict)  # the columns of ``ROLES`` that it has

    @property
    def unused(self) -> list[str]:
        """The names of the other columns."""
        return [name for at, name in enumerate(self.names) if at not in self.places.values()]

    @property
    def doubled(self) -> str | None:
        """The name of a column of these that another one has, too."""
        return next((name for at in self.places.values() if self.names.count(name := self.names[at]) > 1), None)

    def cell(self, cells: Sequence[str], role: str) -> str:
        """The cell of a row, without spaces around it; empty if there is no such column."""
        return cells[self.places[role]].strip(" ") if cells and role in self.places else ""

    def id_cell(self, cells: Sequence[str], role: str) -> str:
        """The cell of a row, empty also if pandas wrote it so."""
        cell = self.cell(cells, role)
        return "" if cell in MISSING else cell

    def rows(self, lines: Iterable[str]) -> Iterator[tuple[list[str] | csv.Error, int]]:
        """The cells of each row, or why it has none, with the number of lines up to its end."""
        if not self.quoted:
            for number, line in enumerate(lines, 1):
                yield [_unquoted(cell) for cell in line.split("\t")] if line else [], number
            return
        reader = csv.reader((line + "\n" for line in lines), delimiter=self.delimiter, strict=True)
        while True:
            try:
                yield next(reader), reader.line_num
            except StopIteration:
                return
            except csv.Error as error:
                yield error, reader.line_num


def _unquoted(cell: str) -> str:
    """A cell of a file separated by tabs: quotes belong to it, unless it would need them."""
    inner = cell[1:-1].replace('""', "")
    quoted = len(cell) > 2 and cell[0] == cell[-1] == '"' and '"' not in inner and '""' in cell[1:-1]
    return cell[1:-1].replace('""', '"') if quoted else cell


def read_header(line: str, named: Mapping[str, int | str] | None = None) -> Header:
    """The header that a line is, with the columns that are ``named``; ``ValueError`` if one of these is not in it."""
    best = Header()
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        header = Header(tuple(map(str.strip, names)), delimiter, '"' in line or delimiter != "\t", _known_names(names))
        if (len(header.places), len(names)) > (len(best.places), len(best.names)):
            best = header
    return replace(best, places={**best.places, **{r: _place(r, n, best.names) for r, n in (named or {}).items()}})


def _known_names(names: Sequence[str]) -> dict[str, int]:
    plain = list(map(plain_name, names))
    places: dict[str, int] = {}
    for role, known in ROLES.items():
        found = (plain.index(name) for name in known.split() if name in plain)
        if (place := next((at for at in found if at not in places.values()), None)) is not None:
            places[role] = place
    if others := [at for at, name in enumerate(plain) if TAG_NAME.fullmatch(name)]:
        places.setdefault("tag", others[0])
    return places


def _place(role: str, name: int | str, names: Sequence[str]) -> int:
    if isinstance(name, int):
        if not 1 <= abs(name) <= len(names):
            raise ValueError(f"got {len(names)} columns, where --columns has {role}={name}")
        return name - 1 if name > 0 else len(names) + name
    for same in (str, plain_name):
        places = [at for at, other in enumerate(names) if same(other) == same(name)]
        if len(places) == 1:
            return places[0]
    raise ValueError(f"got columns {', '.join(map(repr, names))}; expected one {name!r}, which --columns has as {role}")


def row_columns(names: Sequence[str]) -> dict[str, int | str]:
    """The numbers of the columns of words and tags, if a line is no header but a word and its tag."""
    tags = [at for at, name in enumerate(names, 1) if name == OUTSIDE or MENTION.fullmatch(name)]
    return {"word": 3 - tags[0], "tag": tags[0]} if len(names) == 2 and len(tags) == 1 else {}


def restarting(cells: Sequence[str]) -> bool:
    """Whether cells count words: from 0 or 1, to 2 above it or more, and from the start again."""
    if cells[:1] not in (["0"], ["1"]) or not all(map(str.isdecimal, cells)):
        return False
    counts = [int(cell) for cell in cells]
    restarts = [before for before, number in pairwise(counts) if number == counts[0]]
    steps = all(number in (before + 1, counts[0]) for before, number in pairwise(counts))
    return steps and bool(restarts) and max(counts) > counts[0] + 1


def row_unit(header: Header, rows: list[list[str]]) -> Literal["words", "texts", "lists"]:
    """What the column of words has: words, texts of sentences, or lists of their words.

    A text has several tags. Otherwise most cells of a column of that name are texts.
    """
    words = [header.cell(cells, "word") for cells in rows]
    if 2 * sum(read_list(word) is not None for word in words) > len(words):
        return "lists"
    several = [len(SPACED.findall(word)) > 1 for word in words]
    tagged = [one and len(read_tags(header.cell(cells, "tag"))) > 1 for one, cells in zip(several, rows, strict=True)]
    named = plain_name(header.names[header.places["word"]]) in TEXTS
    if named or "tag" not in header.places:
        return "texts" if any(tagged) or 2 * sum(several) > len(words) else "words"
    return "texts" if 2 * sum(tagged) > len(words) else "words"


def read_list(cell: str) -> list[str] | None:
    """The strings of a list as JSON, Python or numpy write it; ``None`` if the cell is no list."""
    text = cell.strip()
    if text[:1] + text[-1:] not in ("[]", "()"):
        return None
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        return _python_list(text[1:-1])
    return [value if isinstance(value, str) else json.dumps(value) for value in values]


def _python_list(text: str) -> list[str] | None:
    items, at = list[str](), 0
    while text[at:].strip():
        match = ITEM.match(text, at)
        if match is None or match[3] == "...":  # shortened by numpy
            return None
        quoted = match[1] if match[1] is not None else match[2]
        items.append(match[3] if quoted is None else ESCAPED.sub(_unescaped, quoted))
        at = match.end()
    return items


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16) % 0x110000) if len(code) > 1 else CONTROLS.get(code, code)


def read_tags(cell: str) -> list[str]:
    """The tags in a cell: a list, or separated by spaces or commas."""
    items = read_list(cell)
    return [tag for tag in re.split(r"[,\s]+", cell) if tag] if items is None else items


def spaced(text: str, count: int) -> Sequence[Span]:
    """The words between spaces; between any white space, if only these are as many as expected."""
    spans = [match.span() for match in SPACED.finditer(text)]
    return spans if len(spans) == count else [match.span() for match in ANY_SPACED.finditer(text)]
