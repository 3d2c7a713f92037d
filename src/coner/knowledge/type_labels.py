"""The label that a type of the knowledge base stands for, learned from matches in labelled sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from coner.core.types import Sentence
from coner.knowledge.entry import Match
from coner.knowledge.knowledge import Knowledge

SAME = 1.0  # counts of a type that is named like a label


class TypeLabels:
    """Counts of labels for each type: of the mentions that a match covers exactly.

    A name counts once for each label, so that a frequent one does not decide what its types stand for.
    """

    def __init__(self, counts: Mapping[str, Mapping[str, float]], labels: Iterable[str]) -> None:
        self._counts, self._labels = counts, frozenset(labels)

    @classmethod
    def of_map(cls, sets: Mapping[str, Iterable[str]], labels: Iterable[str]) -> TypeLabels:
        """From a label map: the labels of a type are equally likely."""
        return cls({name: dict.fromkeys(some, 1.0) for name, some in sets.items()}, labels)

    @classmethod
    def learn(cls, knowledge: Knowledge, sentences: Iterable[Sentence], labels: Iterable[str] = ()) -> TypeLabels:
        """Count the labels of all matches in labelled sentences; ``labels``: more names that a type may share."""
        counts, labels, known = dict[str, dict[str, float]](), set(labels), set[tuple[int, str]]()
        for sentence in sentences:
            gold = {(entity.start, entity.end): entity.label for entity in sentence.entities or ()}
            labels.update(gold.values())
            for match in knowledge.match(sentence.words):
                label = gold.get((match.start, match.end))
                if label is None or (match.alias, label) in known:
                    continue
                known.add((match.alias, label))
                for name, weight in match.types.items():
                    of_type = counts.setdefault(name, {})
                    of_type[label] = of_type.get(label, 0.0) + weight
        return cls(counts, labels)

    def label(self, match: Match) -> str | None:
        """The likeliest label of a match that is a mention; ``None`` if its types were never seen in one."""
        sums = dict[str, float]()
        for name, weight in match.types.items():
            counts = dict(self._counts.get(name, {}))
            if name in self._labels:
                counts[name] = counts.get(name, 0.0) + SAME
            total = sum(counts.values()) or 1.0
            for label, count in counts.items():
                sums[label] = sums.get(label, 0.0) + weight * count / total
        return min(sums, key=lambda label: (-sums[label], label), default=None)
