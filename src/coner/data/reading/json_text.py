"""JSON texts: a value per line, or one value for the whole file; whatever is wrong with them in one line."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.data.reading.keys import is_pair
from coner.data.reading.spans import whole_text
from coner.data.reading.words import BOM

KEY = re.compile(r'"([^"\\]{1,99})"\s*:')
PYTHON = re.compile(r"\s*(?:\[\s*)?[({\[]\s*[({\[]*'")
SPACE = " \t\r\n"
GAP = re.compile(f"[{SPACE}]*")
CUT = 60_000  # bytes of a start behind which more may follow


class RepeatedKey(ValueError):
    """An object has a key twice, which JSON permits, and of which only one value would be read."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        [(key, count)] = Counter(key for key, _ in pairs).most_common(1)
        super().__init__(f"got the key {key!r:.80} {count} times in one object; expected it once")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise RepeatedKey(pairs)
    return values


DECODER = json.JSONDecoder(object_pairs_hook=_object)


def json_value(text: str, what: str = "an object") -> Any:
    """The value of a JSON text; ``ValueError`` with a message if it is not JSON, or an object has a key twice."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg.lower()} at column {error.colno}{_likely(text)}") from None
    except RepeatedKey:
        raise
    except RecursionError:
        raise ValueError(f"not the JSON of {what}: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"not the JSON of {what}: {str(error).lower()}") from None


def _likely(text: str) -> str:
    """What a text is that is no JSON."""
    return "; it looks like Python: write it with json.dump" if PYTHON.match(text) else ""


def json_values(path: str | Path, what: str) -> list[Any]:
    """The values of a file, see ``json_items``."""
    return json_items(path, what)[0]


def json_items(path: str | Path, what: str) -> tuple[list[Any], bool]:
    """The items of an array, or all values of a file, such as one per line; and whether it is an array.

    ``DataError`` if it is not JSON, or an object has a key twice, with the line.
    """
    text = whole_text(path).removeprefix(BOM)
    values, at = list[Any](), 0
    try:
        while (at := _next(text, at)) < len(text):
            value, at = DECODER.raw_decode(text, at)
            values.append(value)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg.lower()} at column {error.colno}{_likely(text)}"
        raise DataError(message, path, error.lineno) from None
    except RepeatedKey as error:
        line = text.count("\n", 0, _start_of_fault(text, at)) + 1
        raise DataError(f"{error}. Fix: leave one out", path, line) from None
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).lower()
        raise DataError(f"not the JSON of {what}: {reason}", path) from None
    array = len(values) == 1 and isinstance(values[0], list) and not is_pair(values[0])
    return (values[0] if array else values), array


def _start_of_fault(text: str, at: int) -> int:
    """Where the value with a repeated key starts: the one at this place, or if that is an array, one of its items."""
    if text[at] != "[":
        return at
    at += 1
    while True:
        at = _next(text, at)
        try:
            at = (
                _next(text, DECODER.raw_decode(text, at)[1]) + 1
            )  # behind the comma: the array does not end before the fault
        except RepeatedKey:
            return at


def _next(text: str, at: int) -> int:
    match = GAP.match(text, at)
    return match.end() if match else at


def first_value(head: bytes) -> tuple[Any, bool]:
    """The first item of the array, or else the first value, that the start of a file has; and whether it is an array.

    Of an object that is cut off, its keys without their values; ``None`` if it is no JSON.
    """
    text = head.decode(errors="replace").lstrip(SPACE)
    whole, array = text, text.startswith("[")
    try:
        if array and not text[1:].lstrip(SPACE).startswith('"'):  # else it is a pair: a text with its annotations
            text = text[1:].lstrip(SPACE)
            if text.startswith("]"):
                return [], True
        return json.JSONDecoder().raw_decode(text)[0], text is not whole
    except (ValueError, RecursionError):
        cut_off = len(head) >= CUT and text.startswith("{")
        return dict.fromkeys(KEY.findall(text)) if cut_off else None, text is not whole
