"""The output folder of several files, and its progress.

Its subfolder ``.coner`` has a marker for each finished file, and for each unfinished one a folder of tagged slices. The
marker and the name of that folder contain a digest of what the output depends on (input, model, options, version): so
another start repeats neither a finished file nor a finished slice, and uses nothing that belongs to other work. A file
is written under another name and renamed when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.files import atomic_write, make_folder, write_error
from coner.core.resume import file_stamp
from coner.tagging.slice_tagger import counts_path
from coner.tagging.slices import Slice

STATE = ".coner"


class OutputFile:
    """One file of an output folder (absolute), from the slices of its input.

    ``depends_on`` is what the output depends on besides its input, as JSON values.

    Attributes:
        tagged: the files of the tagged slices, in order.
    """

    def __init__(self, folder: Path, slices: Sequence[Slice], depends_on: Any) -> None:
        name = Path(slices[0].source).name
        self.slices = slices
        self.path = folder / name
        values = [file_stamp(slices[0].path), len(slices), depends_on]
        self._digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:20]
        self._marker = folder / STATE / f"{name}.json"
        self._parts = folder / STATE / f"{name}.parts"
        suffix = self.path.suffix  # .gz chooses the compression
        self.tagged = [str(self._parts / self._digest / f"{index:06}{suffix}") for index in range(len(slices))]

    def finished(self) -> bool:
        """Whether the file is there, from the same input, model and options, and unchanged."""
        try:
            marker = json.loads(self._marker.read_bytes())
            return bool(marker["digest"] == self._digest and marker["output"] == file_stamp(self.path))
        except (OSError, ValueError, KeyError, TypeError, DataError):
            return False

    def begin(self) -> list[dict[str, int] | None]:
        """Make the folder of the tagged slices, without those of other work; return the counts of each finished one."""
        parts = make_folder(self._parts / self._digest)
        for other in self._parts.iterdir():
            if other != parts:
                shutil.rmtree(other, ignore_errors=True)
        for tries in parts.glob("*.tries"):
            tries.unlink(missing_ok=True)
        return [_counts(path) for path in self.tagged]

    def join(self) -> None:
        """Make the file from its tagged slices, which are all finished, and delete them."""
        joined = Path(self.tagged[0])
        try:
            if len(self.tagged) > 1:
                joined = self._parts / f"joined{self.path.suffix}"
                self._join(joined)
            joined.replace(self.path)
            with atomic_write(self._marker) as handle:
                json.dump({"digest": self._digest, "output": file_stamp(self.path)}, handle)
        except OSError as error:
            raise write_error(self.path, error) from None
        shutil.rmtree(self._parts, ignore_errors=True)

    def _join(self, out: Path) -> None:
        if self.slices[0].format == "datasets":
            from coner.tagging.parquet import join_rows

            join_rows([Path(path) for path in self.tagged], out)
        else:
            with out.open("wb") as handle:  # gzip files, one after another, are a gzip file
                for path in self.tagged:
                    with Path(path).open("rb") as part:
                        shutil.copyfileobj(part, handle, 1 << 20)
        with out.open("rb+") as handle:
            os.fsync(handle.fileno())


def _counts(tagged: str) -> dict[str, int] | None:
    try:
        return dict(json.loads(counts_path(tagged).read_bytes())) if Path(tagged).is_file() else None
    except (OSError, ValueError, TypeError):
        return None
