"""The text of HTML without its tags, and where each of its nodes starts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from html.parser import HTMLParser

DEPTH = 200  # of elements, whose paths would else grow with the square of the text
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905


def without_tags(html: str) -> str:
    """The text between the tags, with character references read: ``textContent`` of a document in a browser."""
    return text_nodes(html)[0]


def text_nodes(html: str) -> tuple[str, dict[str, int]]:
    """The text, and where in it each node of text starts, by its path, such as ``/p[1]/b[2]/text()[1]``."""
    parser = _Text()
    with suppress(AssertionError):  # of an unknown declaration
        parser.feed(html)
        parser.close()
    return "".join(parser.found), parser.starts


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.starts: dict[str, int] = {}
        self._length = 0
        self._open = [("", "", Counter[str]())]  # tag, path, and how many children of each kind it has so far
        self._inside = False  # a node of text is open

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.starts[self._child("text()")] = self._length
        self._inside = True
        self.found.append(data)
        self._length += len(data)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        path, self._inside = self._child(tag), False
        if tag not in VOID and len(self._open) < DEPTH:
            self._open.append((tag, path, Counter()))

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False
        at = next((at for at in range(len(self._open) - 1, 0, -1) if self._open[at][0] == tag), None)
        if at is not None:
            del self._open[at:]

    def handle_comment(self, data: str) -> None:
        self._inside = False

    def _child(self, kind: str) -> str:
        _, path, children = self._open[-1]
        children[kind] += 1
        return f"{path}/{kind}[{children[kind]}]"
