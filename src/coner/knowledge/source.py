"""What a source of names with types is; the sources themselves are the files of ``sources``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from coner.config.section import Rate, Section
from coner.core.opening import open_bytes, report_damage
from coner.core.registry import Registry
from coner.knowledge.entry import Entry

HEAD = 1 << 16  # bytes by which a file is recognised
BATCH = 10_000  # entries


class SourceSettings(Section):
    """How sources are read; each source ignores what does not apply to it."""

    languages: tuple[str, ...] = Field(("en",), description="languages of names and descriptions in dumps")
    minimum_prior: Rate = Field(0, description="entries with a lower prior are left out")
    types: tuple[str, ...] = Field((), description="only entries with one of these types; empty: all")
    reading: dict[str, Any] = Field({}, description="how labelled data is read, as for coner.read")
    leave_out: tuple[int, ...] = Field((), description="texts of the sentences of labelled data that are left out")


class EntryBatch(NamedTuple):
    """Some entries of a source, and how far it has been read."""

    entries: list[Entry]
    skipped: Counter[str]  # what was left out, by reason
    done: int  # units of the source (lines, or entries) up to here
    position: int  # bytes of the file up to here


class Source(ABC):
    """A kind of file with names."""

    title: ClassVar[str]
    is_fallback: ClassVar[bool] = False  # another kind that recognises the file takes precedence

    @property
    def name(self) -> str:
        """Its value of ``--from``."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def sniff(self, path: Path, head: str) -> bool:
        """Whether a file is of this kind, by its name and its first lines."""

    @abstractmethod
    def batches(self, path: Path, settings: SourceSettings, *, after: int, processes: int) -> Iterator[EntryBatch]:
        """The entries in the order of the file, without the first ``after`` units.

        ``DataError`` with the line for what cannot be read.
        """


class SmallSource(Source):
    """A file that one process reads; what is wrong in it is an error."""

    @abstractmethod
    def entries(self, path: Path, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """The entries of a file; ``skipped`` counts what is left out. ``DataError`` with the line for what is wrong."""

    def batches(self, path: Path, settings: SourceSettings, *, after: int, processes: int) -> Iterator[EntryBatch]:
        """The entries in batches of ``BATCH``."""
        skipped, size = Counter[str](), path.stat().st_size if path.is_file() else 0
        entries = self.entries(path, settings, skipped)
        done = sum(1 for _ in islice(entries, after))
        while batch := list(islice(entries, BATCH)):
            done += len(batch)
            yield EntryBatch(batch, Counter(), done, 0)
        yield EntryBatch([], skipped, done, size)


sources: Registry[Source] = Registry("--from", "coner.knowledge.sources")


def detect(path: Path) -> Source:
    """The kind of a file, by its name and its first lines: a table, a dump, or else labelled data; or ``DataError``."""
    with open_bytes(path) as handle, report_damage(path):
        head = handle.read(HEAD).decode("utf-8", "replace").removeprefix("\ufeff")
    found = [source for name in sources.names() if (source := sources[name]).sniff(path, head)]
    return min(found, key=lambda source: source.is_fallback)
