"""Bounds of what is read, so that a hostile or damaged file ends in an error and not in a full memory.

===========================  =======  =========================================================================
variable                     default  bounds
===========================  =======  =========================================================================
``CONER_MAX_LINE_MIB``       64       one line; also the lines of one sentence, and a record of CSV
``CONER_MAX_FILE_MIB``       256      a file, or a document of a folder, that is read whole: a JSON array, brat
``CONER_MAX_RATIO``          100      how many times larger than the file its content is once decompressed
===========================  =======  =========================================================================

They are variables of the environment and not options, so that they hold in every reader and in every worker process.
"""

from __future__ import annotations

import os
from pathlib import Path

from coner.core.errors import ConfigError, DataError

MIB = 1 << 20
DEFAULTS = {"CONER_MAX_LINE_MIB": 64, "CONER_MAX_FILE_MIB": 256, "CONER_MAX_RATIO": 100}
SLACK = 16 * MIB  # decompressed bytes that may have any ratio


def bound(name: str) -> int:
    """The value of a bound; ``ConfigError`` if the environment sets it to anything but a whole number from 1."""
    text = os.environ.get(name, "")
    if not text:
        return DEFAULTS[name]
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise ConfigError(f"{name}: got {text!r:.80}; expected a whole number from 1 to 999999999")
    return int(text)


def line_bytes() -> int:
    """Maximum bytes of a line, and maximum characters of the lines of a sentence."""
    return bound("CONER_MAX_LINE_MIB") * MIB


def whole_bytes() -> int:
    """Maximum bytes of a file that is read whole, once decompressed."""
    return bound("CONER_MAX_FILE_MIB") * MIB


def long_line(path: str | Path, line: int | None, what: str = "a line") -> DataError:
    """The error for a line, or the lines of a sentence, beyond the bound."""
    maximum, name = bound("CONER_MAX_LINE_MIB"), "CONER_MAX_LINE_MIB"
    message = f"got {what} of more than {maximum} MiB; expected at most that. Fix: split it, or raise {name}"
    return DataError(message, path, line)


def large_file(path: str | Path) -> DataError:
    """The error for a file beyond the bound of what is read whole."""
    maximum, name = bound("CONER_MAX_FILE_MIB"), "CONER_MAX_FILE_MIB"
    message = f"got more than {maximum} MiB, to be read whole; expected at most that"
    return DataError(f"{message}. Fix: convert it to JSONL or CoNLL, split it, or raise {name}", path)


def check_ratio(packed: int, unpacked: int, path: str | Path) -> None:
    """``DataError`` if so many decompressed bytes are too many for the compressed ones."""
    if unpacked > SLACK and unpacked > (maximum := bound("CONER_MAX_RATIO")) * max(packed, 1):
        message = (
            f"got {unpacked // MIB} MiB of content from {packed} compressed bytes; expected at most {maximum} times"
        )
        raise DataError(f"{message} as many. Fix: if you trust it, decompress it, or raise CONER_MAX_RATIO", path)
