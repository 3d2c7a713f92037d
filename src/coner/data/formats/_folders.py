"""Folders that are written completely or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coner.core.errors import OutputError
from coner.core.files import write_error


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which gets its name when the block succeeds, and leaves no trace when it fails.

    ``OutputError`` if something of that name exists, its parent folder does not, or it cannot be written.
    """
    if not path.name:  # "." and "/"
        raise OutputError(f"{path}: cannot be created or replaced; expected the name of a new folder")
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise OutputError(f"{path}: exists already. Fix: choose another name, or remove it first")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(path.parent)!r} does not exist. Fix: create it first")
        temporary.mkdir()
        yield temporary
        with suppress(FileNotFoundError):
            path.rmdir()  # an empty folder; not every system can replace it
        temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
