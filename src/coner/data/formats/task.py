"""The submission of the MultiCoNER shared task: only tags, one per line, an empty line after each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.formats.conll import column_of_tags


class Task(Format):
    title = "tags of the shared task"
    holds = frozenset({"labels", "labels missing"})
    appends = True

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        for sentence in sentences:
            handle.write("\n".join(column_of_tags(sentence, options.scheme)) + "\n\n")

    def lost(self, sentences: Iterable[Sentence]) -> Counter[str]:
        sentences = list(sentences)
        return super().lost(sentences) + Counter(words=sum(map(len, sentences)))


formats.register(Task())
