"""Labelled data of any format that coner reads: the names of its mentions, with how often each label occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from coner.data import stream
from coner.knowledge.entry import Entry
from coner.knowledge.source import SmallSource, SourceSettings, sources


class LabelledData(SmallSource):
    title = "labelled data of any format that coner reads"
    takes_rest = True

    def sniff(self, path: Path, head: str) -> bool:
        """Always: what it is in detail, and whether it is readable, is found by reading it."""
        return True

    def entries(self, path: Path, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """One entry per name, as it is spelled; its types are the labels, its prior is the number of mentions."""
        labels: dict[str, Counter[str]] = {}
        reader = stream(path, **settings.reading, gold=True)
        for sentence in reader:
            for entity in sentence.entities or ():
                labels.setdefault(sentence.surface(entity), Counter())[entity.label] += 1
        for what in ("repaired", "skipped"):
            skipped.update({what: count} if (count := getattr(reader, what)) else {})
        for name, counts in labels.items():
            yield Entry((name,), {label: float(count) for label, count in counts.items()}, "", float(counts.total()))


sources.register(LabelledData(), "corpus")
