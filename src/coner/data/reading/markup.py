"""The text of HTML without its tags."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser


def without_tags(html: str) -> str:
    """The text between the tags, with character references read: ``textContent`` of a document in a browser."""
    parser = _Text()
    with suppress(AssertionError):  # of an unknown declaration
        parser.feed(html)
        parser.close()
    return "".join(parser.found)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)
