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
    """The values of a file: the items of an array, or the value of each line, or the value that the file is.

    ``DataError`` if it is not JSON, with the line.
    """
    text = whole_text(path).removeprefix(BOM)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or "\n" not in text[: error.pos]:
            message = f"not JSON: {error.msg.lower()} at column {error.colno}"
            raise DataError(message, path, error.lineno) from None
        return _lines(text, path, what)
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).lower()
        raise DataError(f"not the JSON of {what}: {reason}", path) from None
    return value if isinstance(value, list) and not is_pair(value) else [value]


def _lines(text: str, path: str | Path, what: str) -> list[Any]:
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            values.extend([json_value(line, what)] if line.strip() else [])
        except ValueError as error:
            raise DataError(str(error), path, number) from None
    return values


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
