"""Outputs that take hours to write: after a stop of any kind, the next start resumes at the last safe point.

``out.part`` beside ``out`` holds what is written so far. ``out.part.json``, its journal, says how many bytes of it are
valid, the counts at that point, and what the output depends on (input, model, options). Data is flushed to the disk
first, then the journal is replaced by a rename. After ``kill -9`` or a power cut the part is truncated to what the
journal says, so nothing is missing or duplicated. Only a finished part is renamed to ``out``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from coner.core.errors import ConerError, ConfigError, DataError, OutputError, Unfinished
from coner.core.files import atomic_write, copy_permissions, destination, write_error

HEAD = 1 << 20
WINDOWS = os.name == "nt"  # cannot rename or delete an open file


class Output:
    """An output without safe points, which cannot be resumed."""

    def __init__(self, handle: TextIO) -> None:
        self.handle = handle
        self.counts: dict[str, int] = {}  # as of the last safe point, of this start or an earlier one, if there is one
        self.changed: list[str] = []  # since an earlier start, whose work was therefore discarded

    def commit(self, counts: Mapping[str, int]) -> None:
        """Make what is written so far a safe point with these counts."""


@contextmanager
def plain_output(path: str | Path) -> Iterator[Output]:
    """An output that cannot be resumed: a whole file, or nothing (see ``files.atomic_write``)."""
    with atomic_write(path) as handle:
        yield Output(handle)


@contextmanager
def resumable_output(path: str | Path, depends_on: Mapping[str, Any]) -> Iterator[Output]:
    """An output that a later start resumes, if it depends on the same values.

    The file exists when the block succeeds. Committed work stays after Ctrl-C, a full disk or a crash, and is deleted
    after an error of input or use, which would happen again. A name that ends in ``.gz`` gets a gzip member for each
    safe point. A device or a pipe is written directly, without safe points. ``depends_on`` has JSON values by a name
    that the user understands. ``OutputError`` if the output cannot be written, another process is writing it, or a file
    that is not ours is in the way; ``Unfinished`` if it was stopped after a safe point.
    """
    target, special = destination(Path(path))
    if special:
        with plain_output(path) as direct:
            yield direct
        return
    try:
        output = _ResumableOutput(target, depends_on)
    except OSError as error:
        raise write_error(target, error) from None
    try:
        yield output
        output.finish()
    except BaseException as error:
        would_recur = isinstance(error, ConfigError) or (isinstance(error, DataError) and error.line is not None)
        output.stop(keep=bool(output.counts) and not would_recur)
        if output.counts and isinstance(error, KeyboardInterrupt):
            raise Unfinished("interrupted", 130) from None
        raise


def file_stamp(path: str | Path) -> dict[str, Any]:
    """Size, time of change and hash of the first megabyte: identify a file without reading all of it."""
    try:
        with Path(path).open("rb") as handle:
            status, head = os.fstat(handle.fileno()), hashlib.sha256(handle.read(HEAD))
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    return {"bytes": status.st_size, "changed": status.st_mtime_ns, "head": head.hexdigest()}


class _ResumableOutput(Output):
    def __init__(self, path: Path, depends_on: Mapping[str, Any]) -> None:
        self._buffer = io.StringIO(newline="")  # holds what is written between two safe points
        super().__init__(self._buffer)
        self._path = path
        names = (f"{path.name}.part", f"{path.name}.part.json", f"{path.name}.part.json.new")
        self._part, self._journal, self._new_journal = map(path.with_name, names)
        self._depends_on = json.loads(json.dumps(depends_on))  # as the journal returns it
        self._bytes = 0
        if self._journal.exists():
            self._read_journal()
        elif self._part.exists():
            raise _in_the_way(self._part)
        else:
            self._write_journal({})  # before the part, so that a part without a journal is never ours
        self._raw = self._part.open("ab", buffering=0)
        try:
            self._lock()
            copy_permissions(path, self._part, extra=0o600)  # the next start has to open it
            self._resume()
        except BaseException:
            self._raw.close()
            raise

    def _lock(self) -> None:
        """Keep other processes off the part. The system releases the lock when this process dies."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use() from None
        except OSError:  # a file system without locks
            return
        if not self._part.exists() or not os.path.samestat(os.fstat(self._raw.fileno()), self._part.stat()):
            raise self._in_use()  # it has just renamed the part that we opened to the output

    def _in_use(self) -> OutputError:
        owner = "another process"
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            owner = f"process {int(json.loads(self._journal.read_bytes())['process'])}"
        return OutputError(f"{self._path}: {owner} is writing it; wait for it, or name another output")

    def _resume(self) -> None:
        depended_on, size, counts = self._read_journal()
        names = self._depends_on | depended_on  # an earlier start may have had other options
        changed = [name for name in names if depended_on.get(name) != self._depends_on.get(name)]
        if size > os.fstat(self._raw.fileno()).st_size:
            changed.append("length")
        if changed:
            self.changed = changed if counts else []
            self._write_journal({})
        else:
            self._bytes, self.counts = size, counts
            self._write_journal(counts)  # with the number of this process
        self._raw.truncate(self._bytes)

    def _read_journal(self) -> tuple[dict[str, Any], int, dict[str, int]]:
        try:
            values = json.loads(self._journal.read_bytes())
            return dict(values["belongs"]), int(values["bytes"]), dict(values["counts"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _in_the_way(self._journal) from None

    def _write_journal(self, counts: Mapping[str, int]) -> None:
        journal = {"belongs": self._depends_on, "bytes": self._bytes, "counts": dict(counts)}
        journal["process"] = os.getpid()
        with self._new_journal.open("wb") as handle:
            handle.write(json.dumps(journal, indent=1).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        self._new_journal.replace(self._journal)

    def commit(self, counts: Mapping[str, int]) -> None:
        before = self.counts
        try:
            self._flush()
            self.counts = dict(counts)  # first: an interrupt right after the journal must not discard it
            self._write_journal(counts)
        except OSError as error:
            self.counts = before
            raise self._error(error) from None

    def finish(self) -> None:
        try:
            self._flush()
            if WINDOWS:
                self._raw.close()
            copy_permissions(self._path, self._part)
            self._part.replace(self._path)  # under the lock: the next one to get it finds that the part is gone
        except OSError as error:
            raise self._error(error) from None
        self._raw.close()
        self._journal.unlink(missing_ok=True)

    def stop(self, *, keep: bool) -> None:
        with self._raw:
            if WINDOWS:
                self._raw.close()
            if not keep:  # under the lock, as in ``finish``
                for path in (self._part, self._journal, self._new_journal):
                    path.unlink(missing_ok=True)

    def _flush(self) -> None:
        data = self._buffer.getvalue().encode()
        if data and self._path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)  # no time, so that equal content gives equal bytes
        rest = memoryview(data)
        while rest:
            rest = rest[self._raw.write(rest) :]
        os.fsync(self._raw.fileno())
        self._bytes += len(data)
        self._buffer.seek(0)
        self._buffer.truncate()

    def _error(self, error: OSError) -> ConerError:
        failed = write_error(self._path, error)
        return Unfinished(str(failed)) if self.counts else failed


def _in_the_way(path: Path) -> OutputError:
    why = "it does not belong to an output that was stopped"
    return OutputError(f"{path}: exists already: {why}; move it, or name another output")
