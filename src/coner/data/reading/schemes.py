"""Tags as files have them: their scheme and spelling, recognised from all of them, and the entities they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from coner.core.tags import OUTSIDE, InputScheme, read_tags
from coner.core.types import Entity
from coner.data.reading.spellings import (
    LETTERS,
    NUMBER,
    OUTSIDES,
    Pairs,
    Spelling,
    other_outside,
    shapes_of,
)

TOLERATED, SHARE = 10, 0.01  # faults that a file may have: up to this number, or this share of its tagged words
AT_END = "at the end of the sentence"  # of the messages of ``core.tags``
NAME_IT = "name the scheme with --scheme, or the column of the tags with --columns"


class UnknownTags(ValueError):
    """The tags of a file follow no scheme; ``index`` is the first faulty word of a sentence."""

    def __init__(self, message: str, fix: str = NAME_IT) -> None:
        super().__init__(message)
        self.index, self.fix = 0, fix


def recognise(pairs: Pairs, scheme: InputScheme = "auto", *, predicted: bool = False) -> Spelling:
    """The spelling, and for ``auto`` the scheme, that explains the tags of a file with the fewest faults.

    ``iob1`` is recognised only without any fault: every ``B`` stands directly after a mention of the same label.
    ``UnknownTags`` if faults are more than ``TOLERATED`` and more than ``SHARE`` of the tagged words; of ``predicted``
    tags, which may break any rule, only those that are not spelled like the others count.
    """
    tags: Counter[str] = Counter()
    for (_, tag), count in pairs.items():
        if tag is not None:
            tags[tag] += count
    outside = other_outside(tags)
    mentions = Counter({tag: count for tag, count in tags.items() if tag not in OUTSIDES and tag != outside})
    tagged = mentions.total()
    ranked: list[tuple[int, int, int, Spelling]] = []
    for spelling in _candidates(scheme, mentions, outside):
        unplaced, invalid = spelling.faults(pairs)
        exact = spelling.scheme in ("iob1", "bieo", "bilo") and scheme == "auto"
        if not exact or (unplaced + invalid == 0 and (spelling.rule != "io" or spelling.marks_ends(pairs))):
            ranked.append((unplaced + invalid, unplaced, len(ranked), spelling))
    faults, unplaced, _, best = min(ranked)
    if scheme in ("auto", "io") and unplaced > tagged / 2 and (scheme == "io" or _has_outside(tags, outside)):
        labels = Spelling("io", "label", outside)
        bare, _ = labels.faults(pairs)
        if bare < unplaced:
            faults, unplaced, best = bare, bare, labels
    counted = unplaced if predicted else faults
    if 2 * unplaced > tagged or (counted > TOLERATED and counted > SHARE * tagged):
        raise _unknown(mentions, best, counted, scheme, pairs)
    return best


def _candidates(scheme: InputScheme, tags: Collection[str], outside: str | None) -> Iterator[Spelling]:
    """In the order in which they are preferred."""
    for name in LETTERS if scheme == "auto" else [scheme]:
        if scheme == name or name != "io":  # iob1 reads tags of I alone in the same way
            yield from (Spelling(name, shape, outside) for shape in shapes_of(tags))


def _has_outside(tags: Counter[str], outside: str | None) -> bool:
    """Whether words are outside of mentions; another name than ``O`` counts only if no label is more frequent."""
    return bool(OUTSIDES & tags.keys()) or (outside is not None and tags[outside] == max(tags.values()))


def _unknown(tags: Counter[str], best: Spelling, faults: int, scheme: InputScheme, pairs: Pairs) -> UnknownTags:
    """What the tags look like instead."""
    common = ", ".join(f"{tag!r:.40} {count}" for tag, count in tags.most_common(5))
    if tags and all(map(NUMBER.fullmatch, tags)):
        names = " ".join(f"--rename {tag}=B-NAME" for tag in sorted(tags, key=int)[:2])
        return UnknownTags(f"got numbers as tags: {common}; expected names, such as B-City", f"name all: {names} ...")
    got = f"got tags {common}, of which {faults} of {tags.total()} are not valid {best.scheme}"
    if scheme == "auto":
        return UnknownTags(f"{got}, the closest scheme")
    with suppress(UnknownTags):
        return UnknownTags(f"{got}; they look like {recognise(pairs).scheme}")
    return UnknownTags(got)


class PairCounter:
    """Counts the tags of a file instead of reading them: see ``TagReader.read``."""

    note, rule, alone = "", "iob2", None

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
        survey: counts all tags of the file; ``None`` if it can be read only once: then the first sentence with a fault
            decides how tags of a given scheme are spelled.
        predicted: see ``recognise``.
    """

    def __init__(
        self, scheme: InputScheme, survey: Callable[[], Pairs] | None = None, *, predicted: bool = False
    ) -> None:
        self._scheme, self._survey, self._predicted = scheme, survey, predicted
        self.spelling = Spelling("iob2" if scheme == "auto" else scheme)
        self.note = ""  # how the tags are read, if not as the scheme says
        self.alone: str | None = None  # see ``Spelling.alone``
        self._hint = "" if survey or scheme != "auto" else "; tags that are read only once are iob2 without --scheme"
        self._decided = survey is None and scheme == "auto"
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
        if faults and not self._decided:
            self._decided, self._canonical = True, False
            pairs = self._survey() if self._survey else Counter(pairwise((None, *tags, None)))
            own, first = self.spelling, faults[0][0]
            try:
                self.spelling = recognise(pairs, self._scheme, predicted=self._predicted)
            except UnknownTags as error:
                error.index = first
                raise
            if self.spelling != own:
                self.note = f"tags are read as {self.spelling.scheme}: {self.spelling.evidence(pairs)}"
                self.alone = self.spelling.alone(pairs) if self._scheme == "auto" else None
            with suppress(UnknownTags):
                if (
                    self._survey
                    and self._scheme != "auto"
                    and (likely := recognise(pairs).scheme) != self.spelling.scheme
                ):
                    self._hint = f"; the tags of the file look like {likely}: leave out --scheme"
            entities, faults = self._spelled(tags)
        return entities, [(index, message + self._hint) for index, message in faults]

    def _spelled(self, tags: Sequence[str]) -> tuple[list[Entity], list[tuple[int, str]]]:
        canonical = [self.spelling.canonical(tag) for tag in tags]
        entities, invalid = read_tags([OUTSIDE if tag is None else tag for tag in canonical], self.spelling.rule)
        faults = [(index, self._invalid(tags, index, message)) for index, message in invalid]
        unknown = [
            (index, f"got tag {tag!r:.80}; expected {self._expected}")
            for index, (tag, known) in enumerate(zip(tags, canonical, strict=True))
            if known is None
        ]
        return entities, sorted(faults + unknown)

    def _invalid(self, tags: Sequence[str], index: int, message: str) -> str:
        """The message about a tag that is not valid at its place, with the tags as the file has them."""
        before = tags[index - 1] if index else "the start"
        place = AT_END if AT_END in message else f"after {before}"
        return f"tag {tags[index]!r} {place} is not valid {self.spelling.scheme}"

    @property
    def _expected(self) -> str:
        if self.spelling.shape == "label":
            return "O, or a label"
        letters = LETTERS[self.spelling.scheme][1]
        return ", ".join([OUTSIDE, *(self.spelling.shape.replace("B", letter, 1) for letter in letters)])
