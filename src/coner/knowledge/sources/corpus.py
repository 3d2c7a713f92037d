"""Labelled data of any format that coner reads: the names of its mentions, with how often each label occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from coner.data import stream
from coner.knowledge.entry import Entry
from coner.knowledge.mentions import text_number
from coner.knowledge.source import SmallSource, SourceSettings, sources


class LabelledData(SmallSource):
    title = "labelled data of any format that coner reads"
    is_fallback = True

    def sniff(self, path: Path, head: str) -> bool:
        """Always: what it is in detail, and whether it is readable, is found by reading it."""
        return True

    def entries(self, path: Path, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """One entry per name, as it is spelled; its types are the labels, its prior is the number of mentions."""
        names: dict[str, Counter[tuple[int, str]]] = {}
        left_out = set(settings.leave_out)
        reader = stream(path, **settings.reading, gold=True)
        for sentence in reader:
            if (text := text_number(sentence)) in left_out:
                skipped["sentences of --leave-out"] += 1
                continue
            for entity in sentence.entities or ():
                names.setdefault(sentence.surface(entity), Counter())[text, entity.label] += 1
        for what in ("repaired", "skipped"):
            skipped.update({what: count} if (count := getattr(reader, what)) else {})
        for name, mentions in names.items():
            labels = Counter[str]()
            for (_, label), count in mentions.items():
                labels[label] += count
            types = {label: float(count) for label, count in labels.items()}
            yield Entry((name,), types, "", float(labels.total()), mentions=mentions)


sources.register(LabelledData(), "corpus")
