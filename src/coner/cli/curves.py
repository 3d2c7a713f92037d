"""``coner curves``: learning curves as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or record files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write: .svg, .png or .pdf.")],
) -> None:
    """Draw loss, macro F1 on dev and the weight of the coarse loss by epoch.

    Examples:

      coner curves runs/paper runs/plain -o curves.svg

      coner curves results/*.json -o curves.png
    """
    from coner.core.errors import DataError
    from coner.core.progress import stderr
    from coner.records.record import read_record
    from coner.report.curves import write_curves
    from coner.report.places import find_runs

    places, left_out = find_runs(runs)
    records = {run: read_record(place) for run, place in places.items()}
    histories = {run: record.history for run, record in records.items() if record.history}
    reasons = {str(place): why for place, why in left_out.items()}
    reasons |= {run: f"it has no epochs (kind {each.kind})" for run, each in records.items() if not each.history}
    for run, why in reasons.items():
        stderr.print(f"{run}: left out, {why}")
    if not histories:
        raise DataError(f"none of the {len(runs)} places has a record with epochs; expected a trained encoder")
    if reasons:
        stderr.print(f"{len(reasons)} of {len(runs)} left out")
    write_curves(histories, out)
    stderr.print(f"{out}: {len(histories)} runs")
