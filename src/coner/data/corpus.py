"""Read data of any format: ``read`` all of it, or ``stream`` it in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack, overload

from coner.core.counted import counted
from coner.core.types import Sentence
from coner.data.files import detect
from coner.data.formats import formats
from coner.data.memory import Frame, FrameReader, SentencesReader
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import Reader, ReadOptions

Source = str | Path | Iterable[Sentence] | Frame  # data: a file or folder, sentences, or a pandas frame


@dataclass(frozen=True, repr=False)
class Corpus(Sequence[Sentence]):
    """The sentences of a file or folder."""

    sentences: tuple[Sentence, ...]  # in the order of the file
    path: Path  # of the file; ``memory`` or ``frame`` if they come from neither file nor folder
    layout: ConllLayout | None = None  # of a CoNLL file
    repaired: int = 0  # number of repairs
    skipped: int = 0  # number of sentences, entities and headers left out as faulty
    scheme: Literal["iob2", "bioes"] = "iob2"  # in which its tags can be written again
    notes: tuple[str, ...] = ()  # how it was read, where that is not obvious

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sentence, ...]: ...
    def __getitem__(self, index: int | slice) -> Sentence | tuple[Sentence, ...]:
        return self.sentences[index]

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    def __repr__(self) -> str:
        entities = sum(len(sentence.entities or ()) for sentence in self.sentences)
        counts = counted(len(self), "sentence"), counted(self.words, "word"), counted(entities, "entity", "entities")
        labels = counted(len(self.labels), "label")
        return f"Corpus({str(self.path)!r}: {', '.join(counts)}, {labels}{self.faults})"

    @property
    def faults(self) -> str:
        """The counts of faults that are not 0, each after a comma: ``, 3 repaired, 1 skipped``."""
        counts = {"repaired": self.repaired, "skipped": self.skipped}
        return "".join(f", {count} {what}" for what, count in counts.items() if count)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that occur, sorted."""
        return tuple(sorted({e.label for sentence in self.sentences for e in sentence.entities or ()}))

    @property
    def words(self) -> int:
        """Number of words."""
        return sum(map(len, self.sentences))


def stream(path: str | Path, *, format: str = "auto", **options: Unpack[ReadOptions]) -> Reader:
    """The sentences of a file (also gzip) or folder, one by one, in constant memory.

    The format is one of ``coner.data.formats``; standard input (``-``) needs it. For the options see ``ReadOptions``.
    At once or while iterating, ``DataError`` says where the data is faulty, and how to fix it.
    """
    return formats[detect(path) if format == "auto" else format].read(path, **options)


def read(source: Source, *, format: str = "auto", **options: Unpack[ReadOptions]) -> Corpus:
    """All sentences of a file or folder, or of data in memory; options and errors as for ``stream``.

    A row of a pandas frame is a sentence, with the columns ``tokens`` and ``ner_tags``, or ``text`` and ``entities``,
    and maybe ``id``; or a word, with ``sentence``, ``word`` and ``tag``. The columns of labels may be absent.
    """
    if isinstance(source, Corpus) and not options:
        return source
    reader: Reader
    if isinstance(source, str | Path):
        reader = stream(source, format=format, **options)
    elif isinstance(source, Frame):
        reader = FrameReader(source, **options)
    else:
        reader = SentencesReader(source, **options)
    sentences = tuple(reader)
    return Corpus(
        sentences, Path(reader.path), reader.layout, reader.repaired, reader.skipped, reader.scheme, tuple(reader.notes)
    )
