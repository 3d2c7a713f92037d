"""Folders of data: what is in one, and one written whole or not at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from coner.errors import OutputError
from coner.files import cannot_write, sha256

DATASET = ("state.json", "dataset_info.json", "dataset_dict.json")  # written by datasets.save_to_disk


def kind_of_folder(path: Path) -> Literal["brat", "datasets"] | None:
    """What a folder holds, by the names of its files; ``None`` where that is no data."""
    names = [file.name for file in path.iterdir()]
    if any(name in DATASET for name in names):
        return "datasets"
    return "brat" if any(name.endswith(".ann") for name in names) else None


def digest(path: Path) -> str:
    """The sha256 of a data file in hex; of a folder, or of both files of brat, that of their names and hashes."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
    elif path.suffix in (".ann", ".txt") and path.with_suffix(".ann").is_file():
        files = [file for suffix in (".ann", ".txt") if (file := path.with_suffix(suffix)).is_file()]
    else:
        return sha256(path)
    root = path if path.is_dir() else path.parent
    lines = [f"{sha256(file)}  {file.relative_to(root).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when the block ends well, and leaves no trace when it does not.

    Raises:
        OutputError: something of that name is there, the folder around it is not, no permission, no space.
    """
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise OutputError(f"{path}: is there already; choose another name, or remove it first")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(path.parent)!r} does not exist; make it first")
        beside.mkdir()
        yield beside
        with suppress(FileNotFoundError):
            path.rmdir()  # an empty one, which not every system lets itself be replaced
        beside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
