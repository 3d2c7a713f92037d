"""Read files that may come from someone else: regular files of a bounded size, and values of bounded depth and range.

Every function raises ``ValueError`` with a reason in one line, or ``OSError``; the caller knows what the file is for.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIB = 1 << 20
MAX_BYTES = 16 * MIB  # of a small JSON or TOML file: a manifest of 2,000 labels with definitions has less than 1 MiB
MAX_DEPTH = 64  # of arrays and objects in each other
MAX_DIGITS = 18  # of a whole number: it fits into 64 bits
SIZES = {"i": ("i1", "i2", "i4", "i8"), "f": ("f4", "f8")}
# A dotted key with more parts than any allowed nesting: the time of tomllib is quadratic in their number.
LONG_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""", re.ASCII)
HEADER = 10_000  # bytes of the header of an array
Expected = Mapping[str, tuple[str, int]]  # name of an array to its kind (``i`` or ``f``) and number of dimensions


def open_regular(path: str | Path, maximum: int | None = None) -> Any:
    """Open a regular file for reading bytes; a pipe or a device, which may never end, is refused without waiting."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except ValueError:  # a zero byte in the name
        raise ValueError("the name has a zero byte") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if maximum is not None and status.st_size > maximum:
            raise ValueError(f"got {status.st_size} bytes; expected at most {maximum}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, maximum: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most ``maximum`` bytes."""
    with open_regular(path, maximum) as handle:
        content: bytes = handle.read(maximum + 1)
    if len(content) > maximum:  # it has grown, or its size is not reported
        raise ValueError(f"got more than {maximum} bytes")
    return content


def read_json(path: str | Path, maximum: int = MAX_BYTES, *, digits: int = MAX_DIGITS) -> Any:
    """A JSON file in UTF-8; see ``parse_json``."""
    return parse_json(read_regular(path, maximum), digits=digits)


def parse_json(text: str | bytes, *, digits: int = MAX_DIGITS) -> Any:
    """JSON of bounded depth without NaN, infinite numbers, and whole numbers of more than so many digits."""

    def whole(text: str) -> int:
        if len(text.lstrip("-")) > digits:
            raise ValueError(f"got a number of {len(text)} digits; expected at most {digits}")
        return int(text)

    try:
        value = json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            parse_int=whole,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (RecursionError, MemoryError):
        raise ValueError(f"not valid JSON: deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError:
        raise ValueError("not valid JSON: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error}") from None
    check_depth(value)
    return value


def read_toml(path: str | Path, maximum: int = MAX_BYTES) -> dict[str, Any]:
    """A TOML file in UTF-8; see ``parse_toml``."""
    try:
        text = read_regular(path, maximum).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not a text file in UTF-8: {error.reason} at byte {error.start}") from None
    return parse_toml(text)


def parse_toml(text: str) -> dict[str, Any]:
    """TOML of bounded depth, with values that ``check_values`` accepts."""
    if long := LONG_KEY.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise ValueError(f"line {line}: got a key of {MAX_DEPTH} parts or more; expected a shorter one")
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    check_values(values)
    return values


def check_depth(value: Any, maximum: int = MAX_DEPTH) -> None:
    """``ValueError`` if lists and dictionaries are nested more than ``maximum`` levels deep."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(maximum):
        if not level:
            return
        containers = (item.values() if isinstance(item, dict) else item for item in level)
        level = [inner for items in containers for inner in items if type(inner) is dict or type(inner) is list]
    if level:
        raise ValueError(f"nested deeper than {maximum} levels")


def check_values(value: Any) -> None:
    """``ValueError`` for what no setting may have: numbers beyond 64 bits, strings that are not UTF-8, deep nesting."""
    check_depth(value)
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, int) and not -(1 << 63) <= item < 1 << 63:
            raise ValueError("got a whole number that does not fit into 64 bits")
        elif isinstance(item, str) and "\0" in item:
            raise ValueError("got a text with a zero byte")
        elif isinstance(item, str) and not item.isascii() and any("\ud800" <= letter < "\ue000" for letter in item):
            raise ValueError(f"got {item!r:.80} with a lone surrogate, which UTF-8 cannot encode")


def is_text(value: Any) -> bool:
    """Whether a value is text that can be written as UTF-8, in one line and without control characters."""
    return isinstance(value, str) and not any(
        character < " " or "\x7f" <= character < "\xa0" or "\ud800" <= character < "\ue000" for character in value
    )


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"got the number {text[:20]}; expected a finite one")
    return value


def read_arrays(path: str | Path, expected: Expected) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file as ``numpy.savez`` writes it: exactly these, all numbers finite, nothing compressed.

    ``-inf`` is accepted, as the score of what is impossible. Memory is only taken for what the file holds.
    """
    with open_regular(path) as handle:
        try:
            with zipfile.ZipFile(handle) as archive:
                members = {info.filename: info for info in archive.infolist()}
                if len(members) != len(archive.infolist()) or members.keys() != {f"{name}.npy" for name in expected}:
                    raise ValueError(f"got arrays {', '.join(sorted(members))[:200]}; expected {', '.join(expected)}")
                if any(info.compress_type or info.file_size != info.compress_size for info in members.values()):
                    raise ValueError("got a compressed array; expected plain ones")
                size = os.fstat(handle.fileno()).st_size
                if sum(info.file_size for info in members.values()) > size:
                    raise ValueError("got arrays that are larger than the file")
                return {name: _array(archive.read(f"{name}.npy"), name, *expected[name]) for name in expected}
        except ValueError:
            raise
        except Exception as error:  # of zipfile: half a dozen kinds
            raise ValueError(f"not a valid npz file ({type(error).__name__}: {error})") from None


def _array(data: bytes, name: str, numbers: str, dimensions: int) -> NDArray[Any]:
    import io

    import numpy as np

    handle = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(handle)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = reader(handle, max_header_size=HEADER)
    except Exception:  # the header is parsed as Python: it may raise anything
        raise ValueError(f"{name}: got no header of an array") from None
    if dtype.str[1:] not in SIZES[numbers] or len(shape) != dimensions or min(shape, default=0) < 0:
        kinds = {"i": "whole numbers", "f": "numbers"}[numbers]
        raise ValueError(f"{name}: got {dtype} of shape {shape}; expected {kinds} in {dimensions} dimensions")
    rest = len(data) - handle.tell()
    if math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"{name}: got {rest} bytes; expected {math.prod(shape)} numbers")
    array = np.frombuffer(data, dtype, offset=handle.tell()).reshape(shape, order="F" if fortran else "C")
    if numbers == "f" and (np.isnan(array).any() or (array == np.inf).any()):
        raise ValueError(f"{name}: got numbers that are NaN or infinite")
    return array.astype(dtype.newbyteorder("="))  # frombuffer gives a view that cannot be written
