"""What a knowledge base knows about labelled sentences: which mentions it has, and with the right type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coner.core.types import Sentence
from coner.knowledge.knowledge import Knowledge, leftmost_longest
from coner.knowledge.type_labels import TypeLabels

LIKELY = 0.5  # share of a name's occurrences that are mentions
FOLDS = 2  # labels of types are learned on the others


@dataclass
class CoverageCounts:
    """Mentions of one class, or all of them."""

    mentions: int = 0
    covered: int = 0  # a match covers exactly their words
    right: int = 0  # and its likeliest label is theirs
    unseen: int = 0  # mentions whose surface is in no other sentence, or not in the training file
    unseen_covered: int = 0
    unseen_right: int = 0

    def add(self, *, covered: bool, right: bool, unseen: bool) -> None:
        """Count one mention."""
        self.mentions += 1
        self.covered += covered
        self.right += right
        self.unseen += unseen
        self.unseen_covered += unseen and covered
        self.unseen_right += unseen and right


@dataclass
class Coverage:
    """Counts over some sentences. ``matches`` are the leftmost longest ones, which do not overlap."""

    sentences: int = 0
    words: int = 0
    classes: dict[str, CoverageCounts] = field(default_factory=dict)
    matches: int = 0
    mentions: int = 0  # matches that are a mention
    right: int = 0  # and whose likeliest label is that of the mention
    likely: int = 0  # matches of names that are not down-weighted to less than ``LIKELY``
    likely_mentions: int = 0  # of these, the mentions

    @property
    def all(self) -> CoverageCounts:
        """The sum over classes."""
        names = vars(CoverageCounts())
        return CoverageCounts(
            **{name: sum(getattr(counts, name) for counts in self.classes.values()) for name in names}
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        matches = {"all": self.matches, "mentions": self.mentions, "right": self.right}
        matches |= {"likely": self.likely, "likely_mentions": self.likely_mentions}
        classes = {label: vars(counts) for label, counts in sorted(self.classes.items())}
        return {
            "sentences": self.sentences,
            "words": self.words,
            "matches": matches,
            "all": vars(self.all),
            "classes": classes,
        }


def measure(
    knowledge: Knowledge,
    sentences: Sequence[Sentence],
    seen: set[str] | None = None,
    type_labels: TypeLabels | None = None,
) -> Coverage:
    """Count what a knowledge base knows about labelled sentences.

    Which label a type stands for is learned on one half of the sentences and applied to the other, and vice versa,
    unless ``type_labels`` is passed. ``seen`` are lower-cased surfaces of a training file; ``None``: those of the other
    sentences.
    """
    found = Coverage()
    surfaces = Counter(surface for sentence in sentences for surface in _surfaces(sentence))

    def is_unseen(surface: str) -> bool:
        return surfaces[surface] == 1 if seen is None else surface not in seen

    for fold in range(FOLDS):
        others = (s for n, s in enumerate(sentences) if n % FOLDS != fold)
        types = type_labels or TypeLabels.learn(knowledge, others)
        for sentence in sentences[fold::FOLDS]:
            matches = knowledge.match(sentence.words)
            labels = {(match.start, match.end): types.label(match) for match in matches}
            _count(found, sentence, labels, is_unseen)
            for match in leftmost_longest(matches):
                gold = {(e.start, e.end): e.label for e in sentence.entities or ()}.get((match.start, match.end))
                found.matches += 1
                found.mentions += gold is not None
                found.likely += match.share >= LIKELY
                found.likely_mentions += match.share >= LIKELY and gold is not None
                found.right += gold is not None and gold == labels[match.start, match.end]
    return found


def _surfaces(sentence: Sentence) -> Iterator[str]:
    yield from {sentence.surface(entity).lower() for entity in sentence.entities or ()}


def _count(
    found: Coverage,
    sentence: Sentence,
    labels: Mapping[tuple[int, int], str | None],
    is_unseen: Callable[[str], bool],
) -> None:
    found.sentences += 1
    found.words += len(sentence)
    for entity in sentence.entities or ():
        place = entity.start, entity.end
        counts = found.classes.setdefault(entity.label, CoverageCounts())
        unseen = is_unseen(sentence.surface(entity).lower())
        counts.add(covered=place in labels, right=labels.get(place) == entity.label, unseen=unseen)
