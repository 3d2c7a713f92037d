"""The text form of spaCy's IOB: a sentence per line, each word with its tag behind a bar, ``Oslo|B-City``.

A part of speech may stand between them: ``Oslo|NNP|B-City``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import Format, formats
from coner.data.reading.reader import Reader

ITEM = re.compile(r"(?P<word>.+?)(?:\|[^|]+)?\|(?P<tag>O|[BI]-[^|]+)", re.ASCII)


class IobReader(Reader):
    expected = "a sentence per line, its words with tags behind a bar, such as Oslo|B-City"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        for number, line in enumerate(lines, 1):
            words, tags = [], []
            for item in line.split():
                if match := ITEM.fullmatch(item):
                    words.append(match["word"])
                    tags.append(match["tag"])
                else:
                    self._fault(number, f"got {item!r:.60}; expected a word and its tag, such as Oslo|B-City")
            if words:
                yield Sentence(tuple(words), self._from_tags(tags, number), line=number)


class Iob(Format):
    title = "IOB of spaCy"
    reader = IobReader
    holds = frozenset({"word borders", "labels"})
    certain = True

    def sniff(self, head: bytes) -> float:
        """Every item of the first lines has a tag behind a bar, and one of them is not ``O``."""
        complete = head[: head.rfind(b"\n")] if len(head) > 1 << 15 else head  # the last line may have been cut
        items = complete.decode(errors="replace").split()
        tags = [match["tag"] for item in items if (match := ITEM.fullmatch(item))]
        return float(bool(items) and len(tags) == len(items) and any(tag != "O" for tag in tags))


formats.register(Iob())
