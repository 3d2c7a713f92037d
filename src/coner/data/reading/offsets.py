"""The unit in which a document counts characters, proved by the texts that it repeats beside its spans.

Annotation tools count code points, UTF-16 code units (those in JavaScript), UTF-8 bytes or grapheme clusters. Some
count ``\\r\\n`` as one character, or ``\\n`` as two, or leave out a byte order mark: they have seen another copy of the
text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from re import finditer
from unicodedata import category

Span = tuple[int, int]
Claim = tuple[Sequence[Span], str]  # the pieces of a span as a file has them, and the text that it repeats for them

BOM = "\ufeff"
WIDTHS = {  # of characters below U+0080, U+0800, U+10000, and of the others
    "code points": (1, 1, 1, 1),
    "UTF-16 code units": (1, 1, 1, 2),
    "UTF-8 bytes": (1, 2, 3, 4),
}
CLUSTERS = "grapheme clusters"
EXTENDING = ("Mn", "Mc", "Me")  # categories of characters that belong to the one before them
EXTENDERS = frozenset("\u200c\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")  # joiners, colours of skin
LINE_ENDS = {"": ("", 1), "CRLF counted as one": ("\r(?=\n)", 0), "LF counted as two": ("(?<!\r)\n", 2)}
MARKS = {"": 1, "without the byte order mark": 0}
FEW = 0.1  # the fraction of repeated texts that may differ from the text; a single one always may


@dataclass(frozen=True)
class Unit:
    """What counts as 1; the fields are keys of the tables above."""

    characters: str = "code points"
    line_end: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.characters, self.line_end, self.mark)))

    def starts(self, text: str) -> list[int]:
        """The offset of each character, and of the end."""
        one, two, three, four = WIDTHS.get(self.characters, (1, 1, 1, 1))
        widths = [one if c < "\x80" else two if c < "\u0800" else three if c < "\U00010000" else four for c in text]
        if self.characters == CLUSTERS:
            widths = _cluster_widths(text)
        pattern, width = LINE_ENDS[self.line_end]
        for match in finditer(pattern, text) if pattern else ():
            widths[match.start()] = width
        if text.startswith(BOM):
            widths[0] *= MARKS[self.mark]
        return [0, *accumulate(widths)]


class Offsets:
    """Offsets into a text, counted in a unit that is proved, or only probable."""

    def __init__(self, text: str, unit: Unit | None = None, *, proved: bool = True) -> None:
        self.text, self.unit, self.proved = text, unit or Unit(), proved
        self._starts: Sequence[int] = range(len(text) + 1) if unit in (None, Unit()) else self.unit.starts(text)

    def span(self, start: int, end: int) -> Span | None:
        """A half-open span in code points; ``None`` if it is empty, outside the text, or cuts a character."""
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        if self.unit.characters == CLUSTERS:
            last = bisect_right(self._starts, end) - 1  # behind all characters of the cluster
        inside = 0 <= first < last < len(self._starts)
        return (first, last) if inside and (self._starts[first], self._starts[last]) == (start, end) else None

    def covered(self, pieces: Sequence[Span]) -> str | None:
        """The text of the pieces of a span; ``None`` if ``span`` is, of one of them."""
        spans = [self.span(*piece) for piece in pieces]
        return None if None in spans else "".join(self.text[a:b] for a, b in filter(None, spans))

    def agreeing(self, claims: Iterable[Claim]) -> tuple[int, int]:
        """With how many repeated texts the text agrees, and how many of them have white space at the same ends."""
        pairs = [(covered, text) for pieces, text in claims if (covered := self.covered(pieces)) is not None]
        same = [(covered, text) for covered, text in pairs if same_text(covered, text)]
        return len(same), sum(_edges(covered) == _edges(text) for covered, text in same)


def find_offsets(text: str, claims: Sequence[Claim]) -> Offsets:
    """The offsets of a document in the unit with which most repeated texts agree, and all or all but a few of them.

    Code points if no other unit is better, or none is good.
    """
    best = plain = Offsets(text)
    maximum, count = plain.agreeing(claims), len(claims)
    for unit in _others(text) if maximum < (count, count) else ():
        offsets = Offsets(text, unit)
        if (agreeing := offsets.agreeing(claims)) > maximum:
            best, maximum = offsets, agreeing
    return best if count - maximum[0] <= max(1, FEW * count) and 2 * maximum[0] > count else plain


def guess_offsets(text: str, spans: Sequence[Span], split: Callable[[str], Sequence[Span]]) -> Offsets:
    """The offsets of a document that repeats no text, in a unit with which all spans begin and end where words do.

    Code points if they do so in code points, or in no unit. ``split`` finds the words.
    """
    plain = Offsets(text)
    if not any(_cuts(text, place) for span in spans for place in span):
        return plain
    words = split(text)
    starts, ends = {start for start, _ in words}, {end for _, end in words}

    def fits(offsets: Offsets) -> bool:
        found = [offsets.span(*span) for span in spans]
        return all(span is not None and span[0] in starts and span[1] in ends for span in found)

    if fits(plain):
        return plain
    return next((offsets for unit in _others(text) if fits(offsets := Offsets(text, unit, proved=False))), plain)


def _cuts(text: str, place: int) -> bool:
    """Whether words may not begin or end at a place: it is in a run of letters, or beside white space on both sides."""
    before, after = text[max(place - 1, 0) : max(place, 0)], text[max(place, 0) : place + 1]
    return (before.isalnum() and after.isalnum()) or not (before + after).strip()


def _edges(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def _others(text: str) -> Iterator[Unit]:
    """The units other than code points that count the text in different ways, the more usual ones first."""
    ends = [name for name, (pattern, _) in LINE_ENDS.items() if not pattern or next(finditer(pattern, text), None)]
    marks = list(MARKS) if text.startswith(BOM) else [""]
    characters = list(WIDTHS)[:1] if text.isascii() else [*WIDTHS, CLUSTERS]
    for mark, end, each in product(marks, ends, characters):
        if (unit := Unit(each, end, mark)) != Unit():
            yield unit


def _cluster_widths(text: str) -> list[int]:
    """1 for a character that begins a grapheme cluster, 0 for one that continues it (most of UAX 29)."""
    widths, flags, before = list[int](), 0, ""
    for c in text:
        flags = flags + 1 if "\U0001f1e6" <= c <= "\U0001f1ff" else 0
        joined = before == "\u200d" and category(c) == "So"
        continues = (
            joined
            or category(c) in EXTENDING
            or c in EXTENDERS
            or "\U000e0020" <= c <= "\U000e007f"
            or before + c == "\r\n"
            or flags % 2 == 0 < flags
        )
        widths.append(int(not (before and continues)))
        before = c
    return widths


def same_text(a: str, b: str) -> bool:
    """Whether two texts are equal except for white space: annotation tools write line ends in their own ways."""
    return "".join(a.split()) == "".join(b.split())
