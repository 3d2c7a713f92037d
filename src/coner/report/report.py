"""What a page or pictures are made from: the comparison, the records behind it, and the predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coner.records.record import Record
from coner.report.ablation import AblationTable
from coner.report.compare import Comparison
from coner.report.groups import find_groups
from coner.report.predictions import Predictions, folder_of, read_predictions


@dataclass(frozen=True)
class Report:
    """Runs to be shown.

    Attributes:
        comparison: of these runs.
        records: by run.
        groups: fine to coarse label of all labels; empty where there are none.
        predictions: of the runs.
        ablation: whose runs these are, if they are of one; its differences over seeds are shown.
    """

    comparison: Comparison
    records: Mapping[str, Record]
    groups: Mapping[str, str]
    predictions: Predictions
    ablation: AblationTable | None = None

    @property
    def labels(self) -> list[str]:
        """Every label of any run, group by group."""
        split, order = self.comparison.split, {label: index for index, label in enumerate(self.groups)}
        labels = {label for record in self.records.values() for label in record.scores[split].fine.classes}
        return sorted(labels, key=lambda label: (order.get(label, len(order)), label))


def make_report(
    comparison: Comparison,
    records: Mapping[str, Record],
    places: Mapping[str, Path],
    ablation: AblationTable | None = None,
) -> Report:
    """Read what the page shows beside the records; ``places`` are the run folders or record files by run.

    Raises:
        DataError: a file is damaged.
    """
    folders = {run: folder_of(place) for run, place in places.items()}
    split, baseline = comparison.split, comparison.baseline
    predictions = read_predictions(records, folders, split=split, baseline=baseline)
    return Report(comparison, records, find_groups(records, folders, split), predictions, ablation)
