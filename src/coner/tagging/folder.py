"""The folder that the outputs go to, and what of them is done.

Beside the outputs lies ``.coner``: for each file in the making a folder with its parts, and for each finished one a
mark. Both are named or filled by a digest of what the output depends on (input, model, options, version). So a later
start does again neither a finished file nor a finished part, and takes nothing that belongs to other work. An output
is made beside, then renamed: under its name there is only ever a whole file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from coner.core.errors import DataError, OutputError
from coner.core.files import atomic_write, make_folder, write_error
from coner.core.resume import file_stamp
from coner.tagging.slice_tagger import counts_of
from coner.tagging.slices import Slice

INSIDE = ".coner"


class Output:
    """One file of the folder, made of the parts of its slices.

    Args:
        folder: where it will lie, absolute.
        slices: of its input, in order.
        belongs: what it depends on beside its input: plain JSON values.
    """

    def __init__(self, folder: Path, slices: Sequence[Slice], belongs: Any) -> None:
        source = Path(slices[0].path)
        named = Path(slices[0].shown).name
        self.slices = slices
        self.path = folder / named
        self._digest = _digest([file_stamp(source), len(slices), belongs])
        self._mark = folder / INSIDE / f"{named}.json"
        self._parts = folder / INSIDE / f"{named}.parts"
        suffix = self.path.suffix  # by which a part is packed
        self.parts = [str(self._parts / self._digest / f"{index:06}{suffix}") for index in range(len(slices))]

    def finished(self) -> bool:
        """It is there, from the same input, model and options, and nobody has changed it."""
        try:
            mark = json.loads(self._mark.read_bytes())
            return bool(mark["digest"] == self._digest and mark["output"] == file_stamp(self.path))
        except (OSError, ValueError, KeyError, TypeError, DataError):
            return False

    def begin(self) -> list[dict[str, int] | None]:
        """Make the folder of the parts, without those of other work; the counts of the parts that are done."""
        parts = self._parts / self._digest
        make_folder(parts)
        for other in self._parts.iterdir():
            if other != parts:
                shutil.rmtree(other, ignore_errors=True)
        for tries in parts.glob("*.tries"):
            tries.unlink(missing_ok=True)
        return [_counts(part) for part in self.parts]

    def join(self) -> None:
        """Make it of its parts, which are all done, and delete them."""
        made = Path(self.parts[0])
        try:
            if len(self.parts) > 1:
                made = self._parts / f"joined{self.path.suffix}"
                self._join(made)
            made.replace(self.path)
            with atomic_write(self._mark) as handle:
                json.dump({"digest": self._digest, "output": file_stamp(self.path)}, handle)
        except OSError as error:
            raise write_error(self.path, error) from None
        shutil.rmtree(self._parts, ignore_errors=True)

    def _join(self, made: Path) -> None:
        if self.slices[0].form == "datasets":
            from coner.tagging.parquet import join_rows

            join_rows([Path(part) for part in self.parts], made)
            with made.open("rb+") as handle:
                os.fsync(handle.fileno())
            return
        with made.open("wb") as handle:  # packed parts, one behind the other, are a packed file
            for part in self.parts:
                with Path(part).open("rb") as read:
                    shutil.copyfileobj(read, handle, 1 << 20)
            handle.flush()
            os.fsync(handle.fileno())


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The folder, made, and for this process alone; the system gives it free when the process dies.

    Raises:
        OutputError: it cannot be made, or another process is writing into it.
    """
    lock = FileLock(make_folder(folder / INSIDE) / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise OutputError(f"{folder}: another process is writing into it; wait for it, or name another") from None
    except OSError as error:
        raise write_error(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:20]


def _counts(part: str) -> dict[str, int] | None:
    try:
        return dict(json.loads(counts_of(part).read_bytes())) if Path(part).is_file() else None
    except (OSError, ValueError, TypeError):
        return None
