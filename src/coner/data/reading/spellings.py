"""How tags are written: the letters of their scheme, where these stand, and what marks a word outside of mentions.

========  ==============================================================  =========================
scheme    letters                                                         read as
========  ==============================================================  =========================
iob2      B I                                                             iob2
iob1      I, and B directly after a mention of the same label             iob1
bioes     B I E S                                                         bioes
bilou     B I L U                                                         bioes: L is E, U is S
bmes      B M E S, or B M E W (BMEWO)                                     bioes: M is I, W is S
io        none, or I: a run of words with one label is a mention          io
========  ==============================================================  =========================

Letters may be in lower case, before the label or after it, separated by ``-``, ``_``, one of ``SEPARATORS`` or nothing
(``BPER``), or without any label. In a file without ``O``, another name may be in its place.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from coner.core.tags import OUTSIDE, Scheme, may_follow

Pairs = Mapping[tuple[str | None, str | None], int]  # how often a tag follows another; ``None``: start or end

LETTERS: dict[str, tuple[Scheme, dict[str, str]]] = {  # the rule, and the letter of it that each letter stands for
    "iob2": ("iob2", {"B": "B", "I": "I"}),
    "iob1": ("iob1", {"B": "B", "I": "I"}),
    "bioes": ("bioes", {"B": "B", "I": "I", "E": "E", "S": "S"}),
    "bilou": ("bioes", {"B": "B", "I": "I", "L": "E", "U": "S"}),
    "bmes": ("bioes", {"B": "B", "M": "I", "I": "I", "E": "E", "S": "S", "W": "S"}),
    "io": ("io", {"I": "I"}),
    # Of fewer letters: a mention of one word is a B (BIEO, BILO), or only ends are marked (IOE).
    "bieo": ("io", {"B": "B", "I": "I", "E": "E"}),
    "bilo": ("io", {"B": "B", "I": "I", "L": "E"}),
}
OUTSIDES = frozenset({"O", "o", "0"})
OTHER_OUTSIDES = frozenset(
    {"", "-", "*", "_", "o-", "o-o", "out", "outside", "other", "none", "null", "nan", "n/a", "na"}
)
SHAPES = ("B-label", "B_label", "label-B", "label_B", "B")
SEPARATORS = ":./=|+~–—"  # less usual than ``-`` and ``_``
UNNAMED = "ENTITY"  # the label of tags without one
ENOUGH = 10  # words with labels
PREFIXED = re.compile("[A-Za-z][-_].")
NUMBER = re.compile("-?[0-9]+")
SEVERAL = re.compile(r"[|,;+#&] ?(?:O|[BIESLUMW][-_]\w.*)$")  # the end of a tag that is several, such as B-PER|B-ORG


@dataclass(frozen=True)
class Spelling:
    """How the tags of a file are written."""

    scheme: str = "iob2"  # a key of ``LETTERS``
    shape: str = SHAPES[0]  # one of ``shapes_of``, or ``label`` for labels alone
    outside: str | None = None  # in the place of ``O``, if that is not one of ``OUTSIDES``
    known: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def rule(self) -> Scheme:
        """The scheme of ``core.tags`` that its tags follow."""
        return LETTERS[self.scheme][0]

    def canonical(self, tag: str) -> str | None:
        """A tag as ``core.tags`` writes it; ``None`` if it is not spelled like this."""
        if tag not in self.known:
            self.known[tag] = OUTSIDE if tag in OUTSIDES or tag == self.outside else self._canonical(tag)
        return self.known[tag]

    def _canonical(self, tag: str) -> str | None:
        if self.shape == "label":
            bare = tag[:1].isalnum() and not PREFIXED.match(tag) and not NUMBER.fullmatch(tag)
            return f"I-{tag}" if bare else None
        letter, label = self._split(tag)
        letter = LETTERS[self.scheme][1].get(letter.upper(), "")
        return f"{letter}-{label}" if letter and label else None

    def _split(self, tag: str) -> tuple[str, str]:
        """The letter and the label."""
        if self.shape == "B":
            return tag, UNNAMED
        separator = self.shape.strip("Blabe")
        if not separator:
            return tag[:1], tag[1:]
        if self.shape.startswith("B"):
            letter, _, label = tag.partition(separator)
        else:
            label, _, letter = tag.rpartition(separator)
        return letter, label

    def faults(self, pairs: Pairs) -> tuple[int, int]:
        """How many tags are not spelled like this, and how many are not valid after the tag before them."""
        unplaced = sum(count for (_, tag), count in pairs.items() if tag is not None and self.canonical(tag) is None)
        invalid = 0
        for (before, tag), count in pairs.items():
            one, two = (None if each is None else self.canonical(each) or OUTSIDE for each in (before, tag))
            invalid += 0 if may_follow(one, two, self.rule) else count
        return unplaced, invalid

    def marks_ends(self, pairs: Pairs) -> bool:
        """Whether a tag of the file marks the last word of a mention."""
        return any(tag is not None and (self.canonical(tag) or "").startswith("E-") for _, tag in pairs)

    def alone(self, pairs: Pairs) -> str | None:
        """The only label that a single word has, if enough words have others: maybe the name of the column.

        ``None`` if all labels are in capitals, as names of columns seldom are.
        """
        counts = Counter[str]()
        for (_, tag), count in pairs.items():
            if tag is not None and self.canonical(tag) not in (None, OUTSIDE):
                counts[tag] += count
        once = [tag for tag, count in counts.items() if count == 1]
        if self.shape != "label" or len(once) != 1 or counts.total() <= ENOUGH or all(map(str.isupper, counts)):
            return None
        return once[0]

    def evidence(self, pairs: Pairs) -> str:
        """What the tags of a file show of it, in words."""
        shown, example = Counter[str](), ""
        for (_, tag), count in pairs.items():
            if tag is not None and self.canonical(tag) not in (None, OUTSIDE):
                example = example or tag
                shown[tag if self.shape in ("label", "B") else self._split(tag)[0]] += count
        counts = ", ".join(f"{what} {count}" for what, count in shown.most_common(6))
        shape = {"label": "labels without a letter", "B": f"letters without a label, read as {UNNAMED}"}
        outside = "" if self.outside is None else f"; {self.outside!r} is {OUTSIDE}"
        return f"{shape.get(self.shape, f'tags like {example}')}: {counts}{outside}"


def shapes_of(tags: Collection[str]) -> list[str]:
    """The shapes that tags may have, those that are preferred first."""
    shapes = list(SHAPES)
    for separator in SEPARATORS:
        shapes += [f"B{separator}label"] * any(tag[1:2] == separator for tag in tags)
        shapes += [f"label{separator}B"] * any(tag[-2:-1] == separator for tag in tags)
    return shapes + ["Blabel"] * _run_together(tags)


def _run_together(tags: Collection[str]) -> bool:
    """Whether tags are letters with labels directly behind them.

    Some label has a B and another letter; all have a B, or only the letter of mentions of one word.
    """
    letters = defaultdict[str, set[str]](set)
    for tag in tags:
        letters[tag[1:]].add(tag[:1])
    known = {letter for _, scheme in LETTERS.values() for letter in scheme}
    together = all(
        label[:1].isalnum() and found <= known and ("B" in found or found <= {"S", "U", "W"})
        for label, found in letters.items()
    )
    return together and any("B" in found and found - {"B", "S", "U", "W"} for found in letters.values())


def other_outside(counts: Mapping[str, int]) -> str | None:
    """The tag in the place of ``O``, in a file without it."""
    found = [tag for tag in counts if tag.casefold() in OTHER_OUTSIDES]
    return found[0] if len(found) == 1 and not OUTSIDES & counts.keys() else None
