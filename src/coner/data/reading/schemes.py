"""Tag schemes and spellings as files have them, recognised from all tags of a file, and read as those of ``core.tags``.

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

Letters may be in lower case, before the label or after it, with ``-`` or ``_`` between them, or without any label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from coner.core.tags import OUTSIDE, InputScheme, Scheme, may_follow, read_tags
from coner.core.types import Entity

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
SHAPES = ("B-label", "B_label", "label-B", "label_B", "B")
UNNAMED = "ENTITY"  # the label of tags without one
PREFIXED = re.compile("[A-Za-z][-_].")
TOLERATED, SHARE = 10, 0.01  # faults that a file may have: up to this number, or this share of its tagged words


@dataclass(frozen=True)
class Spelling:
    """How the tags of a file are written."""

    scheme: str = "iob2"  # a key of ``LETTERS``
    shape: str = SHAPES[0]  # one of ``SHAPES``, or ``label`` for labels alone
    known: dict[str, str | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def rule(self) -> Scheme:
        """The scheme of ``core.tags`` that its tags follow."""
        return LETTERS[self.scheme][0]

    def canonical(self, tag: str) -> str | None:
        """A tag as ``core.tags`` writes it; ``None`` if it is not spelled like this."""
        if tag not in self.known:
            self.known[tag] = OUTSIDE if tag in OUTSIDES else self._canonical(tag)
        return self.known[tag]

    def _canonical(self, tag: str) -> str | None:
        if self.shape == "label":
            return f"I-{tag}" if tag[:1].isalnum() and not PREFIXED.match(tag) else None
        if self.shape == "B":
            letter, label = tag, UNNAMED
        elif self.shape.startswith("B"):
            letter, _, label = tag.partition(self.shape[1])
        else:
            label, _, letter = tag.rpartition(self.shape[-2])
        letter = LETTERS[self.scheme][1].get(letter.upper(), "")
        return f"{letter}-{label}" if letter and label else None

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

    def evidence(self, pairs: Pairs) -> str:
        """What the tags of a file show of it, in words."""
        shown: Counter[str] = Counter()
        for (_, tag), count in pairs.items():
            canonical = None if tag is None else self.canonical(tag)
            if tag is not None and canonical not in (None, OUTSIDE):
                shown[tag if self.shape in ("label", "B") else self._letter(tag)] += count
        counts = ", ".join(f"{what} {count}" for what, count in shown.most_common(6))
        shape = {"label": "labels without a letter", "B": f"letters without a label, read as {UNNAMED}"}
        return f"{shape.get(self.shape, f'tags like {self._example(pairs)}')}: {counts}"

    def _letter(self, tag: str) -> str:
        separator = "_" if "_" in self.shape else "-"
        return tag.partition(separator)[0] if self.shape.startswith("B") else tag.rpartition(separator)[2]

    def _example(self, pairs: Pairs) -> str:
        return next(tag for _, tag in pairs if tag is not None and self.canonical(tag) not in (None, OUTSIDE))


class UnknownTags(ValueError):
    """The tags of a file follow no scheme; ``index`` is the first faulty word of a sentence."""

    index = 0


def recognise(pairs: Pairs, scheme: InputScheme = "auto", *, predicted: bool = False) -> Spelling:
    """The spelling, and for ``auto`` the scheme, that explains the tags of a file with the fewest faults.

    ``iob1`` is recognised only without any fault: every ``B`` stands directly after a mention of the same label.
    ``UnknownTags`` if faults are more than ``TOLERATED`` and more than ``SHARE`` of the tagged words; of ``predicted``
    tags, which may break any rule, only those that are not spelled like the others count.
    """
    tagged = sum(count for (_, tag), count in pairs.items() if tag is not None and tag not in OUTSIDES)
    ranked: list[tuple[int, int, int, Spelling]] = []
    for spelling in _candidates(scheme):
        unplaced, invalid = spelling.faults(pairs)
        exact = spelling.scheme in ("iob1", "bieo", "bilo") and scheme == "auto"
        if not exact or (unplaced + invalid == 0 and (spelling.rule != "io" or spelling.marks_ends(pairs))):
            ranked.append((unplaced + invalid, unplaced, len(ranked), spelling))
    faults, unplaced, _, best = min(ranked)
    labels = Spelling("io", "label")
    if scheme in ("auto", "io") and unplaced > tagged / 2 and (scheme == "io" or _outside(pairs)):
        bare, _ = labels.faults(pairs)
        if bare < unplaced:
            faults, unplaced, best = bare, bare, labels
    counted = unplaced if predicted else faults
    if 2 * unplaced > tagged or (counted > TOLERATED and counted > SHARE * tagged):
        raise UnknownTags(_looks(pairs, best, counted, tagged, scheme))
    return best


def _candidates(scheme: InputScheme) -> Iterator[Spelling]:
    """In the order in which they are preferred."""
    for name in LETTERS if scheme == "auto" else [scheme]:
        if scheme == name or name != "io":  # iob1 reads tags of I alone in the same way
            yield from (Spelling(name, shape) for shape in SHAPES)


def _outside(pairs: Pairs) -> bool:
    return any(tag in OUTSIDES for _, tag in pairs)


def _looks(pairs: Pairs, best: Spelling, faults: int, tagged: int, scheme: InputScheme) -> str:
    """What the tags look like instead."""
    tags: Counter[str] = Counter()
    for (_, tag), count in pairs.items():
        if tag is not None and tag not in OUTSIDES:
            tags[tag] += count
    common = ", ".join(f"{tag!r:.40} {count}" for tag, count in tags.most_common(5))
    got = f"got tags {common}, of which {faults} of {tagged} are not valid {best.scheme}"
    if scheme == "auto":
        return f"{got}, the closest scheme"
    with suppress(UnknownTags):
        return f"{got}; they look like {recognise(pairs).scheme}"
    return got


class PairCounter:
    """Counts the tags of a file instead of reading them: see ``TagReader.read``."""

    note, rule = "", "iob2"

    def __init__(self) -> None:
        self.pairs: Counter[tuple[str | None, str | None]] = Counter()

    def read(self, tags: Sequence[str]) -> tuple[list[Entity], list[tuple[int, str]]]:
        """Count how often each tag of a sentence follows another; there are no entities and no faults."""
        self.pairs.update(zip((None, *tags), (*tags, None), strict=True))
        return [], []


class TagReader:
    """Reads the tags of a file, one sentence after another; at the first fault the whole file decides how.

    Args:
        scheme: of the file.
        survey: counts all tags of the file; ``None`` if it can be read only once.
        predicted: see ``recognise``.
    """

    def __init__(
        self, scheme: InputScheme, survey: Callable[[], Pairs] | None = None, *, predicted: bool = False
    ) -> None:
        self._scheme, self._survey, self._predicted = scheme, survey, predicted
        self.spelling = Spelling("iob2" if scheme == "auto" else scheme)
        self.note = ""  # how the tags are read, if not as the scheme says
        self._hint = "" if survey else "; tags that are read only once are iob2 without --scheme"
        self._canonical = self.spelling.scheme == self.spelling.rule != "io"  # until the first fault

    @property
    def rule(self) -> str:
        """The scheme of ``core.tags`` that the tags follow."""
        return self.spelling.rule

    def read(self, tags: Sequence[str]) -> tuple[list[Entity], list[tuple[int, str]]]:
        """The entities of a sentence, and its faults as ``core.tags.read_tags`` has them.

        ``UnknownTags`` if the tags of the file follow no scheme.
        """
        entities, faults = read_tags(tags, self.spelling.rule) if self._canonical else self._spelled(tags)
        if faults and self._survey is not None:
            pairs, self._survey, self._canonical = self._survey(), None, False
            own, first = self.spelling, faults[0][0]
            try:
                self.spelling = recognise(pairs, self._scheme, predicted=self._predicted)
            except UnknownTags as error:
                error.index = first
                raise
            if self.spelling != own:
                self.note = f"tags are read as {self.spelling.scheme}: {self.spelling.evidence(pairs)}"
            with suppress(UnknownTags):
                if self._scheme != "auto" and (likely := recognise(pairs).scheme) != self.spelling.scheme:
                    self._hint = f"; the tags of the file look like {likely}: leave out --scheme"
            entities, faults = self._spelled(tags)
        return entities, [(index, message + self._hint) for index, message in faults]

    def _spelled(self, tags: Sequence[str]) -> tuple[list[Entity], list[tuple[int, str]]]:
        canonical = [self.spelling.canonical(tag) for tag in tags]
        entities, faults = read_tags([OUTSIDE if tag is None else tag for tag in canonical], self.spelling.rule)
        unknown = [
            (index, f"got tag {tag!r:.80}; expected {self._expected}")
            for index, (tag, known) in enumerate(zip(tags, canonical, strict=True))
            if known is None
        ]
        return entities, sorted(faults + unknown)

    @property
    def _expected(self) -> str:
        if self.spelling.shape == "label":
            return "O, or a label"
        letters = LETTERS[self.spelling.scheme][1]
        return ", ".join([OUTSIDE, *(self.spelling.shape.replace("B", letter, 1) for letter in letters)])
