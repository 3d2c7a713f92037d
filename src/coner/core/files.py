"""Files to write: whole or not at all; what identifies them."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, TextIO, cast, overload

from coner.core.errors import DataError, OutputError

# What a write meets, as opposed to a read that happens to fail while a file is being written.
WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


@overload
def atomic_write(path: str | Path, mode: Literal["w"] = "w") -> AbstractContextManager[TextIO]: ...
@overload
def atomic_write(path: str | Path, mode: Literal["wb"]) -> AbstractContextManager[BinaryIO]: ...
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "w") -> AbstractContextManager[Any]:
    """A handle whose content becomes the file when the block ends well, and leaves no trace when it does not.

    Text is UTF-8 and keeps its line ends as they are; a name that ends in ``.gz`` is compressed. A path that is
    no regular file (a device, a pipe) is written directly.

    Raises:
        OutputError: the folder is missing, the path is a folder, no permission, no space.
    """
    return _atomic(Path(path), mode)


@contextmanager
def _atomic(path: Path, mode: str) -> Iterator[IO[Any]]:
    path, special = destination(path)
    beside = path if special else path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        raw = beside.open("wb" if special else "xb")
    except OSError as error:
        raise write_error(path, error) from None
    try:
        with raw:
            if not special:
                copy_permissions(path, beside)
            yield from _filled(raw, path, mode)
            if not special:
                os.fsync(raw.fileno())
        if not special:
            beside.replace(path)
    except BaseException as error:
        if not special:
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
            raise write_error(path, error) from None
        raise


def destination(path: Path) -> tuple[Path, bool]:
    """Where a file to be written will lie, and whether it is a device or a pipe, which can only be written directly.

    Raises:
        OutputError: the folder is missing, the path is a folder, or may not be looked at.
    """
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
        path = path if special else path.resolve()  # a link stays a link: what it points to is replaced
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; expected the name of a file to write")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(path.parent)!r} does not exist; make it first")
    except OSError as error:
        raise write_error(path, error) from None
    return path, special


def _filled(raw: BinaryIO, path: Path, mode: str) -> Iterator[IO[Any]]:
    packed = path.suffix == ".gz"
    # Neither name nor time go into the file, so that equal content gives equal bytes.
    binary = cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=raw, mtime=0)) if packed else raw
    handle: IO[Any] = binary if mode == "wb" else io.TextIOWrapper(binary, encoding="utf-8", newline="")
    try:
        yield handle
    except BaseException:
        with suppress(OSError):  # the first fault is the one to tell
            handle.close()
        raise
    handle.flush()
    if packed:
        binary.close()
    raw.flush()
    if handle is not raw and not packed:
        handle.detach()  # type: ignore[attr-defined]  # a text wrapper; raw stays open to be synced


def copy_permissions(path: Path, new: Path, *, also: int = 0) -> None:
    """Give what is to take the place of a file its permissions, and some also: what only its owner reads stays so."""
    if path.exists():
        new.chmod((path.stat().st_mode & 0o777) | also)


def write_error(path: Path, error: OSError) -> OutputError:
    """What the system says of a write, as one line."""
    return OutputError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}")


def sha256(path: str | Path) -> str:
    """The hash of a file's bytes as they lie on disk, in hex; ``DataError`` where it cannot be read."""
    try:
        with Path(path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None


def make_folder(path: Path) -> Path:
    """The folder, made where it does not exist; ``OutputError`` where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from None
    return path


def check_folder(path: Path) -> None:
    """``OutputError`` where a folder is not there and cannot be made; nothing is made yet."""
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists() or place.is_symlink())
    if not there.is_dir():
        raise OutputError(f"{there}: is a file; expected a folder, or a name that is free")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: cannot be written: permission denied")
