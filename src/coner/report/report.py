"""The content of a page or of pictures: the comparison, its records, coarse groups and predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.core.html import colours
from coner.core.untrusted import read_json
from coner.data.taxonomy import Taxonomy, builtin_taxonomies, load_taxonomy
from coner.knowledge.entry import KNOWN
from coner.knowledge.knowledge import Knowledge
from coner.records.record import Record
from coner.report.ablation import AblationTable
from coner.report.compare import Comparison
from coner.report.predictions import Predictions, read_predictions
from coner.report.run_paths import folder_of


@dataclass(frozen=True)
class Report:
    """Runs to be shown."""

    comparison: Comparison
    records: Mapping[str, Record]
    groups: Mapping[str, str]  # fine to coarse label of all labels; empty where there are none
    predictions: Predictions
    ablation: AblationTable | None = None  # that the runs belong to; its differences over seeds are shown
    known: Mapping[str, Sequence[str]] | None = None  # entries of a knowledge base, by the words of a mention

    @property
    def labels(self) -> list[str]:
        """Every label of any run, group by group."""
        split, order = self.comparison.split, {label: index for index, label in enumerate(self.groups)}
        labels = {label for record in self.records.values() for label in record.scores[split].fine.classes}
        return sorted(labels, key=lambda label: (order.get(label, len(order)), label))

    @property
    def colours(self) -> list[int]:
        """The colour of each of ``labels``: that of its group, or its own, the most frequent label first."""
        support: dict[str, int] = {}
        for record in self.records.values():
            classes = record.scores[self.comparison.split].fine.classes
            support |= {label: max(of.support, support.get(label, 0)) for label, of in classes.items()}
        order = self.groups.values() if self.groups else sorted(support, key=lambda label: -support[label])
        chosen = colours(order)
        return [chosen[self.groups.get(label, label)] for label in self.labels]


def make_report(
    comparison: Comparison,
    records: Mapping[str, Record],
    places: Mapping[str, Path],
    ablation: AblationTable | None = None,
    *,
    knowledge: Knowledge | None = None,
) -> Report:
    """Read what the page shows beside the records; ``places`` are the run folders or record files by run."""
    folders = {run: folder_of(place) for run, place in places.items()}
    split, baseline = comparison.split, comparison.baseline
    predictions = read_predictions(records, folders, split=split, baseline=baseline)
    known = None if knowledge is None else look_up(predictions, knowledge)
    return Report(comparison, records, find_groups(records, folders, split), predictions, ablation, known)


def look_up(predictions: Predictions, knowledge: Knowledge) -> dict[str, list[str]]:
    """The entries of a knowledge base, by the words of gold and predicted mentions; without unknown ones."""
    everyone = [predictions.gold, *predictions.predicted.values()]
    names = {
        " ".join(words[entity.start : entity.end])
        for entities in everyone
        for words, of_sentence in zip(predictions.words, entities, strict=True)
        for entity in of_sentence
    }
    found = {name: [*map(str, knowledge.lookup(name, KNOWN))] for name in sorted(names)}
    return {name: texts for name, texts in found.items() if texts}


def find_groups(records: Mapping[str, Record], folders: Mapping[str, Path | None], split: str) -> dict[str, str]:
    """Return fine label to coarse label, for every label of these runs; empty where they are unknown.

    Records do not contain them. The taxonomies of the models beside the records are tried, then the packaged ones. One
    is used if it has every label, and its groups have the same numbers of mentions as the coarse scores of each record.
    """
    labels = {label for record in records.values() for label in record.scores[split].fine.classes}
    for taxonomy in _taxonomies(folders):
        groups = taxonomy.coarse_by_fine
        usable = labels and labels <= groups.keys() and any(fine != coarse for fine, coarse in groups.items())
        if usable and all(_fits(groups, record, split) for record in records.values()):
            return {label: groups[label] for label in taxonomy.labels if label in labels}
    return {}


def _taxonomies(folders: Mapping[str, Path | None]) -> Iterator[Taxonomy]:
    for folder in filter(None, folders.values()):
        try:
            values = read_json(folder / "model.json")["taxonomy"]
            yield Taxonomy.from_dict(values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no model here, or a damaged one: the next folder may have one
    yield from map(load_taxonomy, builtin_taxonomies())


def _fits(groups: Mapping[str, str], record: Record, split: str) -> bool:
    scores, summed = record.scores[split], Counter[str]()
    for label, result in scores.fine.classes.items():
        summed[groups[label]] += result.support
    return +summed == +Counter({label: result.support for label, result in scores.coarse.classes.items()})
