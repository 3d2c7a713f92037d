"""The model and the options that files are tagged with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from coner.core.files import sha256
from coner.core.tags import Scheme
from coner.data import Reader, stream
from coner.data.reading.reader import Reading
from coner.families import load
from coner.families.manifest import MANIFEST
from coner.families.options import LoadOptions, stamps
from coner.families.tagger import Tagger
from coner.records.machine import versions


@dataclass(frozen=True)
class TaggingJob:
    """A model and options: plain values, sent as JSON."""

    model: str  # its folder, absolute
    format: str = "auto"  # of the input; ``auto`` detects that of each file, see ``data.detect``
    write: Scheme = "iob2"  # scheme of the tags to write
    reading: Reading = field(default_factory=Reading)
    version: str = field(default_factory=lambda: versions().get("coner", ""))  # of coner
    options: LoadOptions = field(default_factory=LoadOptions)  # rules and links; absolute paths

    def load(self) -> Tagger:
        """Open the model, with the options."""
        return load(self.model, **self.options)

    def stamps(self) -> dict[str, str]:
        """Hashes of all files that the output depends on, besides the input."""
        return {"model": sha256(Path(self.model) / MANIFEST), **stamps(self.options)}  # has the hashes of all weights

    def reader(self, path: str, format: str) -> Reader:
        """The sentences of a file in this format, from its start."""
        return stream(path, format=format, **self.reading, predicted=True)
