"""Which format a file or folder has: by its name, else by its first 64 KiB.

Every format says which names and folders it claims and how much the start of a file looks like it; see
``coner.data.formats``. A name that several formats claim (``.json``), or none, leaves it to the content.
"""

from __future__ import annotations

from pathlib import Path

from coner.core.errors import DataError, OutputError
from coner.core.lines import BOM, read_bytes
from coner.data.formats import Format, all_formats, formats, suffix

HEAD = 1 << 16


def detect(path: str | Path) -> str:
    """The name of the format of a file or folder.

    Raises:
        DataError: it cannot be read, is a folder without data, or is a pipe, whose start would be lost.
    """
    file = Path(path)
    claims = claimed_by(file)
    if claims and (len(claims) == 1 or not file.is_file()):
        return claims[0].name
    if file.is_dir():
        expected = ", or ".join(format.folder for format in all_formats() if format.folder)
        raise DataError(f"is a folder; expected a file, {expected}", path)
    if str(path) == "-" or (file.exists() and not file.is_file()):
        got = "got standard input" if str(path) == "-" else "is a pipe or device"
        choices = ", ".join(format.name for format in all_formats() if format.reader and not format.folder)
        raise DataError(f"{got}, whose format is unknown. Fix: --from with one of: {choices}", path)
    head = read_bytes(path, HEAD).removeprefix(BOM)
    return max(claims or all_formats(), key=lambda format: format.sniff(head)).name


def claimed_by(path: Path) -> list[Format]:
    """The formats that a file or folder may have by its name; empty for a folder without data."""
    return [format for format in all_formats() if format.claims(path)]


def detect_folder(path: Path) -> str | None:
    """The format of a folder; ``None`` if it holds no data."""
    return next((format.name for format in claimed_by(path)), None)


def output_format(path: str | Path, to: str = "auto") -> str:
    """The format to write: ``to``, or for ``auto`` the one that the name of the file belongs to.

    Raises:
        ConfigError: there is no such format.
        OutputError: no format, or several, have such names; or ``path`` is ``-``.
    """
    if str(path) == "-":
        raise OutputError("-: expected the name of a file or folder to write, such as /dev/stdout")
    if to != "auto":
        return formats[to].name
    end = suffix(path)
    names = [format.name for format in all_formats() if end and end in (*format.suffixes, *format.output_suffixes)]
    if len(names) == 1:
        return names[0]
    choices = ", ".join(names or formats.names())
    reason = f"got the ambiguous ending {end!r}" if names else "got a name that belongs to no format"
    raise OutputError(f"{path}: {reason}. Fix: --to with one of: {choices}")


def format_of_name(path: str | Path) -> str | None:
    """The first format whose files have such names."""
    return next((format.name for format in all_formats() if suffix(path) in format.suffixes), None)
