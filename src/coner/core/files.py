"""Atomic writing of files, their hashes, and checks of output folders."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TextIO, cast, overload

from coner.core.errors import DataError, OutputError
from coner.core.opening import open_descriptor

# Texts of data are valid; a name of a file may have bytes that are not UTF-8.
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
# Errors of a write, as opposed to a read that happens to fail while a file is being written.
WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


@overload
def atomic_write(path: str | Path, mode: Literal["w"] = "w") -> AbstractContextManager[TextIO]: ...
@overload
def atomic_write(path: str | Path, mode: Literal["wb"]) -> AbstractContextManager[BinaryIO]: ...
@contextmanager
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "w") -> Iterator[Any]:
    """Open a file that appears under its name when the block succeeds, and leaves no trace when it fails.

    Text is written as UTF-8 with its line ends unchanged; a name that ends in ``.gz`` is compressed. A device or a
    pipe is written directly. ``OutputError`` if the folder is missing, the path is one, or it cannot be written.
    """
    path, special = destination(Path(path))
    temporary = path if special else path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    packed, text = path.suffix == ".gz", mode == "w"
    opening = ("w" if special else "x") + ("b" if packed or not text else "")
    try:
        try:
            raw = temporary.open(opening, **({} if "b" in opening else TEXT))
        except OSError as error:
            raise write_error(path, error) from None
        with raw:
            if not special:
                copy_permissions(path, temporary)
            with _compress(raw, text=text) if packed else nullcontext(raw) as handle:
                yield handle
            raw.flush()
            if not special:
                os.fsync(raw.fileno())
        if not special:
            temporary.replace(path)
    except BaseException as error:
        if not special:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
            raise write_error(path, error) from None
        raise


def destination(path: Path) -> tuple[Path, bool]:
    """Resolve the path of a file to write; second, whether it is a device or a pipe, to be written directly.

    ``OutputError`` if the folder is missing, the path is a folder, there is no permission to access it, or its name
    ends in ``.bz2``: bzip2 is only read.
    """
    if path.suffix == ".bz2":
        raise OutputError(f"{path}: got a .bz2 name; bzip2 is only read. Fix: use a name that ends in .gz")
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
        path = path if special else path.resolve()  # keeps a symbolic link, and replaces its target
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; expected the name of a file to write")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(path.parent)!r} does not exist; create it first")
    except OSError as error:
        raise write_error(path, error) from None
    return path, special


def _compress(raw: IO[Any], *, text: bool) -> IO[Any]:
    # No name and no time in the header, so that equal content gives equal bytes.
    packed = cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
    return io.TextIOWrapper(packed, **TEXT) if text else packed


def copy_permissions(source: Path, target: Path, *, extra: int = 0) -> None:
    """Give ``target``, which will replace ``source``, its permissions, plus ``extra`` ones, if it exists."""
    if source.exists():
        target.chmod((source.stat().st_mode & 0o777) | extra)


def new_file_mode(folder: Path) -> int:
    """The permissions that a new file gets in a folder: what the umask leaves."""
    path = folder / f".{secrets.token_hex(6)}.part"
    path.touch(exist_ok=False)
    try:
        return path.stat().st_mode & 0o777
    finally:
        path.unlink()


def write_error(path: Path, error: OSError) -> OutputError:
    """Convert an error of the system on a write to one line."""
    return OutputError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes on disk, in hex; ``DataError`` where it cannot be read."""
    try:
        with open(open_descriptor(path), "rb") as handle:  # noqa: PTH123 - a descriptor has no path
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None


def as_text(path: str | Path) -> str:
    """A path, or a name, as text that can be written as UTF-8: bytes that are not UTF-8 become escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def make_folder(path: Path) -> Path:
    """Create a folder if it does not exist, and return it; ``OutputError`` where that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from None
    return path


def check_folder(path: Path) -> None:
    """``OutputError`` where a folder does not exist and could not be created; creates nothing."""
    parents = (path.absolute(), *path.absolute().parents)
    existing = next(place for place in parents if place.exists() or place.is_symlink())
    if not existing.is_dir():
        raise OutputError(f"{existing}: is a file; expected a folder, or a name that is free")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: permission denied")
