"""The model and the options that files are tagged with."""

from __future__ import annotations

from dataclasses import dataclass

from coner.core.tags import Scheme
from coner.data import Reader, stream
from coner.data.reading.reader import Reading


@dataclass(frozen=True)
class TaggingJob:
    """A model and options: plain values, sent as JSON."""

    model: str  # its folder, absolute
    format: str  # of the input; ``auto`` detects that of each file, see ``data.detect``
    write: Scheme  # scheme of the tags to write
    reading: Reading
    version: str  # of coner

    def reader(self, path: str, format: str) -> Reader:
        """The sentences of a file in this format, from its start."""
        return stream(path, format=format, **self.reading, predicted=True)
