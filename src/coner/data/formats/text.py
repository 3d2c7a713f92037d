"""Plain text: a sentence or paragraph a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.reading.reader import Reader
from coner.data.reading.words import Splitter, sentence_from_text


class TextReader(Reader):
    """Reads plain text, a sentence or paragraph a line; a line without a word is no sentence.

    ``line`` of a sentence says from which line it came; ``words`` is told at ``sentence_from_text``.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        words: Splitter = "coner",
        repair: bool = False,
        on_fault: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(path, repair=repair, on_fault=on_fault)
        self._words = words

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        empty = True
        for number, line in enumerate(lines, 1):
            try:
                sentence = sentence_from_text(line, line=number, words=self._words)
            except ValueError:  # no word in it
                continue
            empty = False
            yield sentence
        if empty:
            raise DataError("holds no text; expected a sentence a line", self.path)
