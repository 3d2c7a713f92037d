"""JSON texts: a value per line, or one value for the whole file; whatever is wrong with them in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.data.reading.keys import is_pair
from coner.data.reading.spans import whole_text
from coner.data.reading.words import BOM

KEY = re.compile(r'"([^"\\]{1,99})"\s*:')
SPACE = " \t\r\n"
GAP = re.compile(f"[{SPACE}]*")
CUT = 60_000  # bytes of a start behind which more may follow


def json_value(text: str, what: str = "an object") -> Any:
    """The value of a JSON text; ``ValueError`` with a message if it is not JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg.lower()} at column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"not the JSON of {what}: nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"not the JSON of {what}: {str(error).lower()}") from None


def json_values(path: str | Path, what: str) -> list[Any]:
    """The values of a file: the items of an array, or all values one after another, such as one per line.

    ``DataError`` if it is not JSON, with the line.
    """
    text = whole_text(path).removeprefix(BOM)
    values, at, decode = list[Any](), 0, json.JSONDecoder().raw_decode
    try:
        while (at := _next(text, at)) < len(text):
            value, at = decode(text, at)
            values.append(value)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg.lower()} at column {error.colno}"
        raise DataError(message, path, error.lineno) from None
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).lower()
        raise DataError(f"not the JSON of {what}: {reason}", path) from None
    return values[0] if len(values) == 1 and isinstance(values[0], list) and not is_pair(values[0]) else values


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
