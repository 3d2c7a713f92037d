"""The files of a data source: their hash, and the check that no output replaces them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from coner.core.errors import OutputError
from coner.core.files import sha256
from coner.data.detect import claimed_by


def source_files(path: Path) -> list[Path]:
    """The existing files that belong to data at ``path``: the file itself, both files of a pair, those of a folder."""
    claims = claimed_by(path)
    return [file for file in (claims[0].files(path) if claims else [path]) if file.is_file()]


def digest(path: Path) -> str:
    """The sha256 of a data file in hex; of several files, that of their names and hashes."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else sorted(source_files(path))
    if not path.is_dir() and len(files) < 2:
        return sha256(path)
    root = path if path.is_dir() else path.parent
    lines = [f"{sha256(file)}  {file.relative_to(root).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def keep_apart(source: str | Path, *outputs: Path) -> None:
    """Raise ``OutputError`` if an output is a file of the source."""
    files = [] if str(source) == "-" else source_files(Path(source))
    for out in outputs:
        if out.is_file() and any(file.samefile(out) for file in files):
            raise OutputError(f"{out}: is the input itself. Fix: choose another output")
