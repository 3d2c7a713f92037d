"""Parse JSON as language models write it: inside other text, with errors, or cut off in the middle.

Accepted are trailing and missing commas, single quotes, quotes and line breaks within a string, and bare words. At the
end of the text everything open is closed; a string or bare word that is unfinished there is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

MAX_DEPTH = 40  # deeper nesting is not an answer, and would exhaust the stack
MAX_RETRIES = 20  # restarts after an opening bracket that turned out to be prose
_SEPARATORS = re.compile(r"[\s,;]*")
_BARE_WORD = re.compile(r"[^\s,;:{}\[\]\"'][^\s,;:{}\[\]\"]*")
_OPENING = re.compile(r"[{\[]")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
T = TypeVar("T")


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its keys and values in order, with duplicate keys, since a duplicate may be a mention too.

    Values are strings (numbers and words too), ``None``, lists and ``Pairs``.
    """


def parse_strict(text: str) -> Any:
    """The value of a text that is valid JSON and nothing else; ``None`` if it is not, or is nested too deeply."""
    try:
        value = json.loads(text, object_pairs_hook=Pairs, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    level = [value]
    for _ in range(MAX_DEPTH):
        containers = (item for item in level if isinstance(item, list))
        level = [inner for item in containers for inner in ([v for _, v in item] if isinstance(item, Pairs) else item)]
    return None if level else value


def find_values(text: str) -> list[Any]:
    """The outermost lists (``list``) and objects (``Pairs``) in a text, in order."""
    values, position, retries = list[Any](), 0, 0
    while opening := _OPENING.search(text, position):
        parser = _Parser(text, opening.start())
        value = parser.value(0)
        if parser.at >= len(text) and _is_prose(value) and retries < MAX_RETRIES:
            position, retries = opening.end(), retries + 1
            continue
        position = max(parser.at, opening.end())
        values.append(value)
    return values


def _is_prose(value: Any) -> bool:
    """Whether it is only words in brackets."""
    pairs = value if isinstance(value, Pairs) else [("", inner) for inner in value]
    return bool(pairs) and not any(key or isinstance(inner, list) for key, inner in pairs)


class _Parser:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at

    def value(self, depth: int) -> Any:
        """Read the next value and move past it; ``EOFError`` if the text ends within a string or word."""
        start = self.text[self.at]
        if start in "\"'":
            return self._string(start)
        if start not in "{[":
            return self._bare_word()
        if depth >= MAX_DEPTH:
            self.at = len(self.text)
            return None
        self.at += 1
        if start == "[":
            return list(self._items(depth, self.value, end="]", other_end="}"))
        return Pairs(self._items(depth, self._pair, end="}", other_end="]"))

    def _items(self, depth: int, read: Callable[[int], T], *, end: str, other_end: str) -> Iterator[T]:
        while (character := self._skip_separators()) and character != end:
            if character == other_end and depth:  # it was not closed: the bracket closes the container around it
                return
            if character in (other_end, ":"):
                self.at += 1
                continue
            try:
                item = read(depth + 1)
            except EOFError:
                break
            yield item
        self.at += bool(character)

    def _pair(self, depth: int) -> tuple[str, Any]:
        key = self.value(depth)
        if self._skip_separators() != ":":  # a value without a key may still hold mentions
            return "", key
        self.at += 1
        value = None if self._skip_separators() in ("", "}", "]") else self.value(depth)
        return key if isinstance(key, str) else "", value

    def _skip_separators(self) -> str:
        """Skip spaces and commas; return the next character, ``""`` at the end."""
        separators = _SEPARATORS.match(self.text, self.at)
        self.at = separators.end() if separators else self.at
        return self.text[self.at : self.at + 1]

    def _string(self, quote: str) -> str:
        """Read a string: it ends at a quote before a comma, bracket, colon, line break and quote, or the end."""
        text, characters = self.text, list[str]()
        self.at += 1
        while self.at < len(text):
            character = text[self.at]
            self.at += 1
            if character == "\\" and self.at < len(text):
                characters.append(self._escaped())
            elif character == quote and self._ends_here(quote):
                # Escaped halves of a surrogate pair are joined, and a lone half becomes U+FFFD.
                return "".join(characters).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            else:
                characters.append(character)
        raise EOFError

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
        return _ESCAPES.get(character, character)

    def _bare_word(self) -> str | None:
        word = _BARE_WORD.match(self.text, self.at)
        if word is None:
            self.at += 1
            return None
        self.at = word.end()
        if self.at == len(self.text):
            raise EOFError
        return None if word[0] in {"null", "None"} else word[0]
