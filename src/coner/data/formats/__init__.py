"""Data formats: one file each, registered under its name; choices, messages and ``docs/data.md`` follow from them."""

from __future__ import annotations

import re
from abc import ABC
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TextIO, Unpack

from coner.core.errors import ConfigError
from coner.core.files import atomic_write
from coner.core.registry import Registry
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import HEADER, Reader, ReadOptions
from coner.data.reading.words import raw_text, split_words

FEATURES = (
    "word borders",
    "labels",
    "ids",
    "labels missing",
    "scores",
    "links",
    "white space",
    "middle columns",
    "headers",
)
Edit = tuple[int, Callable[[str], str]]  # a line of a file, from 1, and the function that replaces it, without its end


Layout = ConllLayout | Callable[[], ConllLayout | None] | None  # a function returns what is known of it so far


@dataclass(frozen=True)
class WriteOptions:
    """How sentences are written; a format ignores what does not apply to it."""

    layout: Layout = None  # of a CoNLL file; ``None``: MultiCoNER's
    scheme: Scheme = "iob2"  # of tags: iob2 or bioes
    written: int = 0  # number of sentences that the file has already; only for formats that append
    groups: Mapping[str, str] | None = None  # the coarse group of each label, where they are known
    predicted: bool = False  # the entities are predictions, also where they have no confidence
    meta: Sequence[Mapping[str, Any]] | None = None  # of each sentence, in order, for the key ``meta`` of JSON

    def meta_of(self, number: int) -> dict[str, Any]:
        """The key and the value to add to the object of a sentence, counted from 0; nothing if it has none."""
        return {} if self.meta is None else {"meta": dict(self.meta[number])}


DEFAULTS = WriteOptions()


class Format(ABC):
    """A data format; an instance is registered by its module."""

    title: ClassVar[str]  # in prose
    reader: ClassVar[type[Reader] | None] = None  # ``None`` if it is only written
    suffixes: ClassVar[tuple[str, ...]] = ()  # endings of file names that belong to it, also before ``.gz`` or ``.bz2``
    input_suffixes: ClassVar[tuple[str, ...]] = ()  # further endings of files to read
    output_suffixes: ClassVar[tuple[str, ...]] = ()  # further endings that choose it for output only
    certain: ClassVar[bool] = False  # where ``sniff`` is 1 a file has this format, whatever its name
    folder: ClassVar[str] = ""  # what a folder of this format is; empty if it is always one file
    extra: ClassVar[str] = ""  # the extra of this package that it needs
    holds: ClassVar[frozenset[str]] = frozenset()  # which of ``FEATURES`` it keeps
    bad_word: ClassVar[re.Pattern[str] | None] = None  # matches what cannot be a word
    bad_label: ClassVar[re.Pattern[str] | None] = None
    bad_id: ClassVar[re.Pattern[str] | None] = None  # such ids are left out
    appends: ClassVar[bool] = False  # ``write_text`` can append to earlier output
    editable: ClassVar[bool] = False  # ``edits`` is implemented

    @property
    def name(self) -> str:
        """The name of its module."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def writes(self) -> bool:
        """Whether it can be written."""
        return type(self).write is not Format.write or type(self).write_text is not Format.write_text

    def claims(self, path: Path) -> bool:
        """Whether the name of a file, or the names of the files in a folder, say that it is this format."""
        return not path.is_dir() and suffix(path) in (*self.suffixes, *self.input_suffixes)

    def sniff(self, head: bytes) -> float:
        """How much the start of a file without a byte order mark looks like this format, from 0 to 1."""
        return 0.0

    def files(self, path: Path) -> list[Path]:
        """The files of data at ``path``, which need not exist."""
        return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]

    def read(self, path: str | Path, **options: Unpack[ReadOptions]) -> Reader:
        """The sentences of a file or folder."""
        if self.reader is None:
            choices = ", ".join(format.name for format in all_formats() if format.reader)
            raise ConfigError(f"format: got {self.name!r}, which is write-only; expected one of: {choices}")
        return self.reader(path, **options)

    def unfit(self, sentence: Sentence, *, labelled: bool, options: WriteOptions = DEFAULTS) -> str | None:
        """Why the format cannot hold a sentence, in a file with labels if it is ``labelled``; ``None`` if it can."""
        if self.bad_word and (word := next(filter(self.bad_word.search, sentence.words), None)):
            return f"{word!r} cannot be a word there"
        labels = [entity.label for entity in sentence.entities or ()]
        if self.bad_label and (label := next(filter(self.bad_label.search, labels), None)):
            return f"{label!r} cannot be a label there"
        return None

    def lost(self, sentences: Iterable[Sentence]) -> Counter[str]:
        """What the format cannot hold, by feature, in sentences; ``scores``, ``links`` and ``labels`` in entities."""
        lost: Counter[str] = Counter()
        for sentence in sentences:
            lost.update({feature: count for feature, count in self._features(sentence) if feature not in self.holds})
            lost["ids"] += self._without_id(sentence) is not sentence
            lost["white space"] += sentence.text is not None and sentence.text != self.text_read_back(sentence)
        return +lost

    def _features(self, sentence: Sentence) -> Iterator[tuple[str, int]]:
        header = HEADER + (sentence.id or "")
        yield "ids", sentence.id is not None
        yield "headers", any(line != header for line in sentence.header)
        yield "middle columns", any(cell != "_" for cells in sentence.columns for cell in cells)
        yield "scores", sum(entity.score != 1 for entity in sentence.entities or ())
        yield "links", sum(bool(entity.kb_id) for entity in sentence.entities or ())
        yield "labels", len(sentence.entities or ())
        yield "labels missing", sentence.entities is None and "labels" in self.holds
        text, offsets = raw_text(sentence)
        yield "word borders", offsets != split_words(text)

    def _without_id(self, sentence: Sentence) -> Sentence:
        bad = self.bad_id and sentence.id is not None and self.bad_id.search(sentence.id)
        return replace(sentence, id=None) if bad else sentence

    def text_read_back(self, sentence: Sentence) -> str:
        """The text of a sentence after it was written and read."""
        if "white space" not in self.holds:
            return " ".join(sentence.words)
        text = raw_text(sentence)[0]
        return self.bad_word.sub(" ", text) if self.bad_word else text

    def write(self, sentences: Sequence[Sentence], path: Path, options: WriteOptions = DEFAULTS) -> Counter[str]:
        """Write sentences that are not ``unfit`` to a file, or a new folder; complete or not at all. Returns ``lost``.

        ``OutputError`` if it cannot be written; ``MissingExtra`` if the library for it is not installed.
        """
        with atomic_write(path) as handle:
            self.write_text(map(self._without_id, sentences), handle, options)
        return self.lost(sentences)

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        """Write sentences, which may come from a running reader, to an open file that keeps line ends.

        ``OutputError`` if the format cannot hold a sentence.
        """
        raise NotImplementedError(f"{self.name} is not written as a stream of text")

    def edits(self, before: Sentence, after: Sentence) -> Iterator[Edit]:
        """The changes of lines that replace the words of a sentence; the number of words is the same."""
        raise NotImplementedError(f"{self.name} cannot be edited line by line")


formats: Registry[Format] = Registry("format", __name__)


def all_formats() -> list[Format]:
    """Every format, in the order of the names."""
    return [formats[name] for name in formats.names()]


def suffix(path: str | Path) -> str:
    """The ending of the name of a file in lower case, without ``.gz`` or ``.bz2``."""
    return Path(str(path).lower().removesuffix(".gz").removesuffix(".bz2")).suffix
