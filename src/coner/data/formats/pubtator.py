"""PubTator: the title and the abstract of a paper, and a line for each mention; an empty line between papers.

Offsets count the title, one character, and the abstract. A file without any mention has no labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import Format, formats
from coner.data.reading.nesting import Mark
from coner.data.reading.spans import SpanReader

TEXT = re.compile(r"([^\s|]+)\|([ta])\|(.*)")
MENTION = re.compile(r"([^\t]+)\t([0-9]{1,9})\t([0-9]{1,9})\t([^\t]*)\t([^\t]+)(?:\t(.*))?")
RELATION = re.compile(r"[^\t]+\t[A-Za-z]\w*\t[^\t]+\t[^\t]+.*")
START = re.compile(rb"\s*[0-9A-Za-z_.-]+\|t\|")
LAYOUT = "ID|t|title, ID|a|abstract, or ID, start, end, text and type with tabs between them"


class PubtatorReader(SpanReader):
    expected = "papers in the format of PubTator"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        labelled = not self._rereadable() or any(map(MENTION.fullmatch, Lines(self.path, lambda *_: None)))
        if self._gold and not labelled:
            raise DataError("got papers without any mention; expected gold labels", self.path)
        for empty, rows in groupby(enumerate(lines, 1), key=lambda row: not row[1].strip()):
            if not empty:
                yield from self._paper(rows, labelled)

    def _paper(self, rows: Iterable[tuple[int, str]], labelled: bool) -> Iterator[Sentence]:
        id, first, parts, found = "", 0, dict[str, str](), list[tuple[Mark, str]]()
        for number, line in rows:
            text, mention = TEXT.fullmatch(line), MENTION.fullmatch(line)
            own = text[1] if text else line.partition("\t")[0]
            id, first = id or own, first or number
            if own != id or (text and text[2] in parts):
                self._fault(number, f"got {line[:60]!r} in paper {id!r:.40}; expected an empty line between papers")
            elif text:
                parts[text[2]] = text[3]
            elif mention:
                found.append((Mark(int(mention[2]), int(mention[3]), mention[5], 1.0, number), mention[4]))
                self.ignored["identifiers"] += bool(mention[6])
            elif RELATION.fullmatch(line):
                self.ignored["relations"] += 1
            else:
                self._fault(number, f"got {line[:60]!r}; expected {LAYOUT}")
        if "t" in parts:
            whole = "\n".join(parts[part] for part in "ta" if part in parts)
            marks = list(self._marks(found, whole)) if labelled else None
            yield from self._document(whole, marks, id=id, number=first)
        else:
            self._fault(first, f"got paper {id!r:.40} without a title; expected {LAYOUT}")

    def _marks(self, found: list[tuple[Mark, str]], text: str) -> Iterator[Mark]:
        offsets = self._offsets(text, [([(mark.start, mark.end)], repeated) for mark, repeated in found], [])
        for mark, repeated in found:
            if span := self._find([(mark.start, mark.end)], repeated, offsets, str(mark), mark.number):
                yield replace(mark, start=span[0], end=span[1])


class Pubtator(Format):
    title = "PubTator"
    reader = PubtatorReader
    suffixes = (".pubtator",)
    holds = frozenset({"labels", "ids", "white space"})
    certain = True

    def sniff(self, head: bytes) -> float:
        return float(START.match(head) is not None)


formats.register(Pubtator())
