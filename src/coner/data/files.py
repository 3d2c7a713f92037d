"""Folders and pairs of data files: what is in one, what may not be written over, and a folder written whole or not."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from coner.core.errors import OutputError
from coner.core.files import sha256, write_error

PAIR = (".txt", ".ann")  # of brat: a text, and beside it its annotations
DATASET = ("state.json", "dataset_info.json", "dataset_dict.json")  # written by datasets.save_to_disk


def detect_folder(path: Path) -> Literal["brat", "datasets"] | None:
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


def keep_apart(source: str | Path, *outputs: Path) -> None:
    """See that no output is what is read: the file, either file of a pair of brat, or one of the folder's.

    Raises:
        OutputError: with the name of the one that is.
    """
    path = Path(source)
    if str(source) == "-":
        return
    read = [path]
    if path.is_dir():
        whole = detect_folder(path) == "datasets"  # in one of brat other files may lie
        read = [file for file in path.rglob("*") if whole or file.suffix in PAIR]
    elif path.suffix in PAIR:
        read = [path.with_suffix(suffix) for suffix in PAIR]
    for out in outputs:
        if out.is_file() and any(file.is_file() and file.samefile(out) for file in read):
            raise OutputError(f"{out}: is the input itself; name another output")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when the block ends well, and leaves no trace when it does not.

    Raises:
        OutputError: something of that name is there, the folder around it is not, no permission, no space.
    """
    if not path.name:  # as that of "." and "/"
        raise OutputError(f"{path}: cannot be made or replaced; expected the name of a new folder")
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
        raise write_error(path, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
