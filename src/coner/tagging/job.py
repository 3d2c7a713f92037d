"""The model and the options that files are tagged with."""

from __future__ import annotations

from dataclasses import dataclass

from coner.core.tags import Scheme
from coner.data import Reader, stream


@dataclass(frozen=True)
class TaggingJob:
    """A model and options: plain values, sent as JSON."""

    model: str  # its folder, absolute
    format: str  # of the input; ``auto`` detects that of each file, see ``data.detect``
    scheme: Scheme  # of the tags in the input
    write: Scheme  # scheme of the tags to write
    comment: str | None  # start of further header lines in CoNLL, besides ``# id ``
    repair: bool  # repair and count faults of the input, instead of raising an error
    version: str  # of coner

    def reader(self, path: str, format: str) -> Reader:
        """The sentences of a file in this format, from its start."""
        return stream(path, format=format, scheme=self.scheme, comment=self.comment, repair=self.repair)
