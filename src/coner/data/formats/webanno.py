"""WebAnno TSV 3, which WebAnno and INCEpTION write: a token per line, with a column for each feature of each layer.

A value ends in a number (``PER[1]``) if its annotation has several tokens, or there are others at its place; ``|``
separates these. A token with a point in its number (``1-2.1``) is a piece of one, for annotations that cut it. The unit
of the offsets does not matter, because words are found by their forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import dropwhile

from coner.core.errors import ConfigError, DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import Format, formats
from coner.data.reading.columns import parse_columns
from coner.data.reading.nesting import Mark
from coner.data.reading.spans import SpanReader, align_words
from coner.data.reading.words import raw_text

START, TEXT, SENTENCE = "#FORMAT=WebAnno TSV ", "#Text=", "#Sentence.id="
BEFORE_3 = re.compile(rb"# ?(?:webanno\.custom|de\.tudarmstadt\.ukp)\.")
LAYER = re.compile(r"#T_(SP|RL|CH)=([^|]*)\|?(.*)")
ENTITY, VALUE, NONE, NO_VALUE, LINK = "NamedEntity", "value", "_", "*", "ROLE_"
LINGUISTIC = re.compile("Chunk|Lemma|MorphologicalFeatures|POS|Sentence|SofaChangeAnnotation|Stem|SurfaceForm")
TOKEN = re.compile(r"[0-9]+-[0-9]+(\.[0-9]+)?")
OFFSETS = re.compile("([0-9]{1,12})-([0-9]{1,12})")
ITEM = re.compile(r"((?:[^\\|\[]|\\.)*)(?:\[([0-9]{1,12})\])?(?:\||$)", re.S)
ESCAPED = re.compile(r"\\(.)", re.S)
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class _Feature:
    """A column of values."""

    layer: str  # without its package
    name: str
    spans: bool = True  # its annotations are spans; else relations, chains or links

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}" if self.name else self.layer


@dataclass
class _WebAnnoBlock:
    """The lines of a sentence."""

    text: list[str] = field(default_factory=list)
    id: str | None = None
    rows: list[tuple[int, list[str]]] = field(default_factory=list)  # number of the line, cells


@dataclass
class _Piece:
    """Where an annotation covers a token: characters of the token ``index``."""

    number: int  # of the line
    label: str
    index: int
    start: int
    end: int


class WebannoReader(SpanReader):
    by_columns = True
    expected = "sentences of WebAnno TSV 3"
    _before: frozenset[tuple[int, int]] = frozenset()  # the annotations of the sentence before

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        features: list[_Feature] = []
        block, column, chosen, started = _WebAnnoBlock(), None, False, False
        for number, line in dropwhile(lambda row: not row[1].strip(), enumerate(lines, 1)):
            if not started and not line.startswith(START + "3"):
                fix = "export it as WebAnno TSV 3 or as CoNLL 2002"
                raise DataError(f"got {line[:60]!r}; expected {START}3.1 or later. Fix: {fix}", self.path, number)
            started = True
            if match := LAYER.fullmatch(line):
                layer, names = match[2].rpartition(".")[2], match[3].split("|")
                links = [name.startswith(LINK) for name in names]  # a link has two columns
                slots = [
                    match[1] == "SP" and not (link or before)
                    for link, before in zip(links, [False, *links[:-1]], strict=True)
                ]
                features += [_Feature(layer, name, slot) for name, slot in zip(names, slots, strict=True)]
            elif line.startswith(TEXT):
                block.text.append(line.removeprefix(TEXT))
            elif line.startswith(SENTENCE):
                block.id = line.removeprefix(SENTENCE)
            elif line and not line.startswith("#"):
                if not chosen:
                    column, chosen = self._choose(features), True
                if cells := self._cells(line, 3 + len(features), number):
                    block.rows.append((number, cells))
            elif not line:
                yield from self._sentence(block, column)
                block = _WebAnnoBlock()
        yield from self._sentence(block, column)

    def _choose(self, features: list[_Feature]) -> int | None:
        """The column of the labels; ``None`` if the file has no annotation of spans."""
        named = parse_columns(self._options.get("columns"))
        if other := sorted(named.keys() - {"tag"}):
            raise ConfigError(f"columns: got {other[0]}=; expected tag=LAYER or tag=LAYER.FEATURE")
        spans = [feature for feature in features if feature.spans and not LINGUISTIC.fullmatch(feature.layer)]
        entity = [feature for feature in spans if feature.layer == ENTITY]
        found = [feature for feature in entity if feature.name == VALUE] or entity or spans
        if "tag" in named:
            name = str(named["tag"])
            found = [feature for feature in features if name in (feature.layer, str(feature))]
            found = [feature for feature in found if feature.name == VALUE] or found
        if len(found) > 1 or (named and not found):
            got = ", ".join(map(str, found or features)) or "none"
            message = f"got the layers {got:.200}; expected one of entities"
            raise DataError(f"{message}. Fix: --columns tag=LAYER.FEATURE", self.path, 1)
        if not found and self._gold:
            got = ", ".join(map(str, features)) or "no layers"
            raise DataError(f"got {got:.200}, none of them with spans; expected gold labels", self.path, 1)
        self.ignored.update(f"layer {feature}" for feature in features if feature not in found)
        return 3 + features.index(found[0]) if found else None

    def _cells(self, line: str, width: int, number: int) -> list[str] | None:
        cells = line.split("\t")
        if len(cells) == width + 1 and not cells[-1]:
            cells.pop()
        if len(cells) == width and TOKEN.fullmatch(cells[0]) and OFFSETS.fullmatch(cells[1]) and cells[2]:
            return cells
        expected = f"{width}, as the layers have, from the number and the offsets of a token"
        self._fault(number, f"got {len(cells)} column{'s' * (len(cells) > 1)}, {line[:40]!r}; expected {expected}")
        return None

    def _sentence(self, block: _WebAnnoBlock, column: int | None) -> Iterator[Sentence]:
        words, first, last = list[str](), dict[tuple[int, int], _Piece](), dict[tuple[int, int], _Piece]()
        begin = 0
        for number, cells in block.rows:
            start, end = map(int, cells[1].split("-"))
            if "." not in cells[0]:
                words.append(cells[2])
                begin = start
            elif not words:
                self._fault(number, f"got {cells[0]}, a piece of a token; expected a token before it")
                continue
            inside = start - begin, min(end - begin, len(words[-1])) if "." in cells[0] else len(words[-1])
            for key, label in self._annotations(cells[column] if column else NONE, number):
                piece = _Piece(number, label, len(words) - 1, *inside)
                first.setdefault(key, piece)
                last[key] = piece
        if not words:
            return
        text, offsets = self._text(block.text, words)
        marks = []
        for key, piece in first.items():
            start, end = offsets[piece.index][0] + piece.start, offsets[last[key].index][0] + last[key].end
            if key in self._before:
                message = f"got {piece.label!r:.40} as in the sentence before; expected an annotation in one sentence"
                self._fault(piece.number, message, "across sentences")
            else:
                marks.append(Mark(start, end, piece.label, 1.0, piece.number))
        self._before = frozenset(first)
        entities = None if column is None else self._place(marks, len(text), offsets)
        yield Sentence(tuple(words), entities, block.id, text=text, offsets=offsets, line=block.rows[0][0])

    def _annotations(self, cell: str, number: int) -> Iterator[tuple[tuple[int, int], str]]:
        """The number of each annotation of a token, or else its line and its place there, and its label."""
        if cell == NONE:
            return
        at = 0
        while at < len(cell):
            item = ITEM.match(cell, at)
            if item is None:
                self._fault(number, f"got {cell[at : at + 40]!r}; expected labels like PER or PER[1], separated by |")
                return
            if item[1] in (NONE, NO_VALUE, ""):
                self._fault(number, f"got annotation {item[0][:40]!r} without a value; expected one", "without a label")
            else:
                yield (0, int(item[2])) if item[2] else (number, at), _unescaped(item[1])
            at = item.end()

    def _text(self, lines: list[str], words: list[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
        """The text of a sentence, and the span of each word; the words joined by spaces if it has another text."""
        text = "\n".join(map(_unescaped, lines))
        try:
            return align_words({"text": text, "words": words}, self._split)
        except ValueError:
            return raw_text(Sentence(tuple(words)))


def _unescaped(text: str) -> str:
    return ESCAPED.sub(lambda match: CONTROLS.get(match[1], match[1]), text)


class Webanno(Format):
    title = "WebAnno TSV 3"
    reader = WebannoReader
    input_suffixes = (".tsv",)
    holds = frozenset({"word borders", "labels", "ids", "white space"})
    certain = True

    def sniff(self, head: bytes) -> float:
        """The first line, as versions 1 to 3 have it."""
        head = head.lstrip()
        return float(head.startswith(START.encode()) or BEFORE_3.match(head) is not None)


formats.register(Webanno())
