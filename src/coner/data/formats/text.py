"""Plain text: a sentence or paragraph per line; or wrapped lines, with an empty line after each paragraph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TextIO

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.reading.reader import Reader
from coner.data.reading.words import BOM


class TextReader(Reader):
    expected = "a sentence per line"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        if self._gold:
            message = "got plain text, which has no labels; expected gold labels"
            raise DataError(f"{message}. Fix: name CoNLL files .conll, CSV files .csv, JSON files .json", self.path)
        for number, text in _paragraphs(lines) if self._wrapped else enumerate(lines, 1):
            if offsets := self._split(text):
                yield Sentence(tuple([text[a:b] for a, b in offsets]), text=text, offsets=offsets, line=number)


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for has_words, rows in groupby(enumerate(lines, 1), key=lambda row: bool(row[1].strip())):
        if has_words:
            (number, line), *others = rows
            yield number, "\n".join([line, *(text for _, text in others)])


class Text(Format):
    title = "plain text"
    reader = TextReader
    output_suffixes = (".txt",)
    holds = frozenset({"white space"})
    bad_word = re.compile("[\n\0]")

    def sniff(self, head: bytes) -> float:
        return 0.1  # of whatever is nothing else

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        for index, sentence in enumerate(sentences):
            text = self.text_read_back(sentence)
            # U+FEFF at the start of a file is read as a byte order mark, after an empty line it is not.
            handle.write(("\n" if index == 0 and text.startswith(BOM) else "") + text + "\n")


formats.register(Text())
