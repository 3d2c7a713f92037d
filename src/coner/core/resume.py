"""A file that takes hours to write: a start after a crash goes on where the last sound piece ends.

Beside ``out`` lie ``out.part``, what is written so far, and ``out.part.json``, the journal: how many bytes of it are
sound, what they count as, and what they belong to (input, model, options). A piece is first on the disk, then in the
journal, which a rename replaces. So after ``kill -9`` or a power cut the part is cut back to what the journal says, and
nothing is missing or there twice. Only when all is done does the part become ``out``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from coner.core.errors import ConerError, ConfigError, DataError, OutputError, Unfinished
from coner.core.files import atomic_write, copy_permissions, destination, write_error

HEAD = 1 << 20
WINDOWS = os.name == "nt"  # which renames and deletes nothing that is open


class Output:
    """An output in the making; of this one nothing is kept.

    Attributes:
        handle: to write to.
        counts: as last kept, by this start or an earlier one; empty where nothing is.
        changed: in what the work that was found differs, so that it was given up; empty where none was.
    """

    def __init__(self, handle: TextIO) -> None:
        self.handle = handle
        self.counts: dict[str, int] = {}
        self.changed: list[str] = []

    def commit(self, counts: Mapping[str, int]) -> None:
        """A safe point: what is written so far counts as this much."""


@contextmanager
def plain_output(path: str | Path) -> Iterator[Output]:
    """Output that a later start cannot go on with: a whole file, or nothing (see ``files.atomic_write``)."""
    with atomic_write(path) as handle:
        yield Output(handle)


@contextmanager
def resumable_output(path: str | Path, belongs: Mapping[str, Any]) -> Iterator[Output]:
    """Output that a later start goes on with, if it belongs to the same.

    The file is there when the block ends well. What was kept stays when the block ends by Ctrl-C, a full disk or a
    crash, and goes when input or use are at fault, as they would be again. A name that ends in ``.gz`` gets a gzip
    member for each safe point. A device or a pipe is written directly, and nothing is kept.

    Args:
        path: of the output.
        belongs: what the output depends on: plain JSON values, by a name for a person.

    Raises:
        OutputError: it cannot be written, another process is writing it, or a file of ours would replace another.
        Unfinished: it was stopped, and something is kept.
    """
    target, special = destination(Path(path))
    if special:
        with plain_output(path) as direct:
            yield direct
        return
    try:
        work = _ResumableOutput(target, belongs)
    except OSError as error:
        raise write_error(target, error) from None
    try:
        yield work
        work.finish()
    except BaseException as error:
        at_fault = isinstance(error, ConfigError) or (isinstance(error, DataError) and error.line is not None)
        work.stop(keep=bool(work.counts) and not at_fault)
        if work.counts and isinstance(error, KeyboardInterrupt):
            raise Unfinished("interrupted", 130) from None
        raise


def file_stamp(path: str | Path) -> dict[str, Any]:
    """What tells a file from another, or from what it was, without reading all of it."""
    try:
        with Path(path).open("rb") as handle:
            status, head = os.fstat(handle.fileno()), hashlib.sha256(handle.read(HEAD))
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    return {"bytes": status.st_size, "changed": status.st_mtime_ns, "head": head.hexdigest()}


class _Journal(NamedTuple):
    belongs: dict[str, Any]
    bytes: int
    counts: dict[str, int]


class _ResumableOutput(Output):
    """A part and its journal; to make it is to take up what is there, or to begin."""

    def __init__(self, path: Path, belongs: Mapping[str, Any]) -> None:
        self._buffer = io.StringIO(newline="")  # holds what is written between two safe points
        super().__init__(self._buffer)
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._journal = path.with_name(f"{path.name}.part.json")
        self._belongs = json.loads(json.dumps(belongs))  # as the journal gives it back
        self._bytes = 0
        if self._journal.exists():
            self._read()
        elif self._part.exists():
            raise _in_the_way(self._part)
        else:
            self._note({})  # before the part, so that a part without a journal is never ours
        self._raw = self._part.open("ab", buffering=0)
        try:
            self._lock()
            copy_permissions(path, self._part, also=0o600)  # it is opened again after a stop
            self._take_up(self._read())
        except BaseException:
            self._raw.close()
            raise

    def _lock(self) -> None:
        """Two processes would spoil the part. The system itself opens the lock when one of them dies."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        busy = OutputError(f"{self._path}: another process is writing it; wait for it, or name another output")
        try:
            fcntl.flock(self._raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        except OSError:  # a file system without locks
            return
        if not self._part.exists() or not os.path.samestat(os.fstat(self._raw.fileno()), self._part.stat()):
            raise busy  # it has just made its part the output, which is what we hold

    def _take_up(self, found: _Journal) -> None:
        differs = [name for name, value in self._belongs.items() if found.belongs.get(name) != value]
        if found.bytes > os.fstat(self._raw.fileno()).st_size:
            differs.append("length")
        if differs:
            self.changed = differs if found.counts else []
            self._note({})
        else:
            self._bytes, self.counts = found.bytes, found.counts
        self._raw.truncate(self._bytes)

    def _read(self) -> _Journal:
        try:
            values = json.loads(self._journal.read_bytes())
            return _Journal(dict(values["belongs"]), int(values["bytes"]), dict(values["counts"]))
        except (ValueError, KeyError, TypeError):
            raise _in_the_way(self._journal) from None

    def _note(self, counts: Mapping[str, int]) -> None:
        """Replace the journal."""
        values = {"belongs": self._belongs, "bytes": self._bytes, "counts": dict(counts)}
        new = self._journal.with_name(f"{self._journal.name}.new")
        with new.open("wb") as handle:
            handle.write(json.dumps(values, indent=1).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(self._journal)

    def commit(self, counts: Mapping[str, int]) -> None:
        """Bring what is written since the last safe point to the disk, then the journal."""
        before = self.counts
        try:
            self._flush()
            self.counts = dict(counts)  # first: an interruption right behind the journal must not throw it away
            self._note(counts)
        except OSError as error:
            self.counts = before
            raise self._fault(error) from None

    def finish(self) -> None:
        """Make it the output."""
        try:
            self._flush()
            if WINDOWS:
                self._raw.close()
            copy_permissions(self._path, self._part)
            self._part.replace(self._path)  # under the lock: whoever gets it next finds that the part is gone
        except OSError as error:
            raise self._fault(error) from None
        self._raw.close()
        self._journal.unlink(missing_ok=True)

    def stop(self, *, keep: bool) -> None:
        """Let go of the files; delete them, unless they are to be kept."""
        if keep or WINDOWS:
            self._raw.close()
        try:
            if not keep:  # under the lock, as in ``finish``
                for path in (self._part, self._journal, self._journal.with_name(f"{self._journal.name}.new")):
                    path.unlink(missing_ok=True)
        finally:
            self._raw.close()

    def _flush(self) -> None:
        data = self._buffer.getvalue().encode()
        if data and self._path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)  # without the time, so that equal content gives equal bytes
        rest = memoryview(data)
        while rest:
            rest = rest[self._raw.write(rest) :]
        os.fsync(self._raw.fileno())
        self._bytes += len(data)
        self._buffer.seek(0)
        self._buffer.truncate()

    def _fault(self, error: OSError) -> ConerError:
        told = write_error(self._path, error)
        return Unfinished(str(told), 3) if self.counts else told


def _in_the_way(path: Path) -> OutputError:
    return OutputError(f"{path}: is in the way: not of a tagging that was stopped; move it, or name another output")
