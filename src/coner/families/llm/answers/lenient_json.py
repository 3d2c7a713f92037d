"""JSON as language models write it: between other text, with faults, or cut off in the middle.

Read are: trailing and missing commas, single quotes, quotes within a string, line breaks in a string, bare words. At
the end of the text everything open is closed; a string or bare word that ends there unfinished is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

DEPTH = 40  # deeper is no answer, and would exhaust the stack
RETRIES = 20  # brackets of talk that hide what follows them
_SPACE = re.compile(r"[\s,;]*")
_BARE = re.compile(r"[^\s,;:{}\[\]\"'][^\s,;:{}\[\]\"]*")
_HALF = re.compile("[\ud800-\udfff]")
_OPEN = re.compile(r"[{\[]")
_ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Pairs(list[tuple[str, Any]]):
    """An object: its keys and values in order, doubles included, for a double may be a mention too.

    Values are strings (numbers and words too), ``None``, lists and ``Pairs``.
    """


class _End(Exception):
    """The text ended within a value."""


@dataclass(frozen=True)
class Found:
    """A value within a text.

    Attributes:
        value: a list or ``Pairs``.
        start, end: characters, half-open.
    """

    value: Any
    start: int
    end: int


def read_exactly(text: str) -> Any:
    """The value of a text that is valid JSON and nothing else.

    Raises:
        ValueError: it is not, or is nested too deeply.
    """
    try:
        value = json.loads(text, object_pairs_hook=Pairs, parse_int=str, parse_float=str, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _deeper(value, DEPTH):
        raise ValueError("nested too deeply")
    return value


def _deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        inside = (item for item in level if isinstance(item, list))
        level = [inner for item in inside for inner in ([v for _, v in item] if isinstance(item, Pairs) else item)]
    return bool(level)


def find_values(text: str) -> list[Found]:
    """All lists and objects in a text, outermost, in order."""
    found, position, retries = list[Found](), 0, 0
    while opening := _OPEN.search(text, position):
        reader = _Reader(text, opening.start())
        value = reader.value(0)
        if reader.at >= len(text) and not _says_something(value) and retries < RETRIES:
            position, retries = opening.end(), retries + 1
            continue
        position = max(reader.at, opening.end())
        found.append(Found(value, opening.start(), position))
    return found


def _says_something(value: Any) -> bool:
    """It is more than words in brackets, as talk has them."""
    if isinstance(value, Pairs):
        return not value or any(key or isinstance(inner, list) for key, inner in value)
    return not value or any(isinstance(inner, list) for inner in value)


def _joined(text: str) -> str:
    """Escaped halves of a surrogate pair as the character that they mean; a lone half becomes U+FFFD."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def value(self, depth: int) -> Any:
        """The next value; stands behind it then. ``_End`` where a string ends with the text."""
        start = self.text[self.at]
        if start in "{[":
            if depth >= DEPTH:
                self.at = len(self.text)
                return None
            self.at += 1
            return self._object(depth) if start == "{" else self._list(depth)
        return self._string(start) if start in "\"'" else self._bare()

    def _skip(self) -> str:
        """Over spaces and commas; the next character, ``""`` at the end."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def _list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while (character := self._skip()) and character != "]":
            if character in "}:":  # a list that was not closed, or a stray mark
                if character == "}" and depth:
                    return items
                self.at += 1
                continue
            try:
                items.append(self.value(depth + 1))
            except _End:
                break
        self.at += bool(character)
        return items

    def _object(self, depth: int) -> Pairs:
        pairs = Pairs()
        while (character := self._skip()) and character != "}":
            if character in "]:":
                if character == "]" and depth:
                    return pairs
                self.at += 1
                continue
            try:
                key = self.value(depth + 1)
                if self._skip() == ":":
                    self.at += 1
                    self._skip()
                    value = self.value(depth + 1) if self.text[self.at : self.at + 1] not in ("", "}", "]") else None
                    pairs.append((key if isinstance(key, str) else "", value))
                else:  # an object needs a key; what has none may still hold mentions
                    pairs.append(("", key))
            except _End:
                break
        self.at += bool(character)
        return pairs

    def _string(self, quote: str) -> str:
        """A string ends at a quote before a comma, a bracket, a colon, a new line with a quote, or the end.

        Other quotes are its own.
        """
        text, parts = self.text, list[str]()
        self.at += 1
        while self.at < len(text):
            character = text[self.at]
            self.at += 1
            if character == "\\" and self.at < len(text):
                parts.append(self._escaped())
            elif character == quote and self._ends_here(quote):
                return _joined("".join(parts))
            else:
                parts.append(character)
        raise _End

    def _ends_here(self, quote: str) -> bool:
        following = self.text[self.at : self.at + 20]
        after = following.lstrip()
        if after.startswith(quote):  # a comma is missing between two lines
            return "\n" in following[: len(following) - len(after)]
        return after[:1] in {"", ",", "}", "]", ":", ";"}

    def _escaped(self) -> str:
        character = self.text[self.at]
        self.at += 1
        if character == "u":
            digits = self.text[self.at : self.at + 4]
            if re.fullmatch("[0-9a-fA-F]{4}", digits):
                self.at += 4
                return chr(int(digits, 16))
        return _ESCAPE.get(character, character)

    def _bare(self) -> str | None:
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            self.at += 1
            return None
        self.at = bare.end()
        if self.at == len(self.text):
            raise _End
        return None if bare[0] in {"null", "None"} else bare[0]
