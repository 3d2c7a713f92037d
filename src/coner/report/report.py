"""The content of a page or of pictures: the comparison, its records, coarse groups and predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.core.errors import DataError
from coner.core.html import colours
from coner.core.untrusted import read_json
from coner.data.taxonomy import Taxonomy, builtin_taxonomies, load_taxonomy
from coner.knowledge.entry import KNOWN
from coner.knowledge.knowledge import Knowledge
from coner.records.record import Record, read_record
from coner.report.ablation import AblationTable
from coner.report.compare import Comparison, choose_split, compare_runs
from coner.report.predictions import Predictions, read_predictions
from coner.report.run_paths import folder_of, read_runs, report_left_out


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


@dataclass(frozen=True)
class ComparedRuns:
    """Runs that were read from their folders, side by side."""

    comparison: Comparison
    records: Mapping[str, Record]
    places: Mapping[str, Path]  # run folders or record files
    left_out: Sequence[str] = ()  # runs that cannot be compared
    ablation: AblationTable | None = None  # that they belong to

    def report(self, knowledge: Knowledge | None = None) -> Report:
        """What a page or a picture shows of them; see ``make_report``."""
        return make_report(self.comparison, self.records, self.places, self.ablation, knowledge=knowledge)


def compare_folders(places: Sequence[Path], *, split: str | None = None, baseline: str | None = None) -> ComparedRuns:
    """Compare run folders or record files on one split; for the defaults see ``compare_runs``.

    Runs without scores on the split are left out, and reported on stderr.

    Raises:
        DataError: no run is left, a record is damaged, or there is no such baseline.
    """
    records, found, left_out = read_runs(places)
    split = split or choose_split(records)
    left_out += [(run, f"it has no scores on {split}") for run, each in records.items() if split not in each.scores]
    report_left_out(left_out, len(places), f"scores on {split}; train first")
    records = {run: record for run, record in records.items() if split in record.scores}
    comparison = compare_runs(records, split=split, baseline=baseline)
    return ComparedRuns(comparison, records, found, [run for run, _ in left_out])


def compare_ablation(table: AblationTable, folder: Path, *, baseline: str | None = None) -> ComparedRuns:
    """Compare the finished runs of an ablation; ``DataError`` if there is none."""
    places = {name: folder / name for row in table.rows for name in row.runs}
    if not places:
        raise DataError("no finished run in it; expected one for a page or a picture", folder)
    records = {run: read_record(place) for run, place in places.items()}
    comparison = compare_runs(records, split=table.split, baseline=baseline)
    return ComparedRuns(comparison, records, places, ablation=table)


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
