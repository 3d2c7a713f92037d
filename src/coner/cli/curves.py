"""``coner curves``: how training went, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or record files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write: .svg, .png or .pdf.")],
) -> None:
    """Draw loss, macro F1 on dev and the weight of the coarse task, epoch by epoch.

    Examples:

      coner curves runs/paper runs/plain -o curves.svg
    """
    from coner.cli.compare import read_runs
    from coner.core.errors import DataError
    from coner.core.progress import stderr
    from coner.report.curves import write_curves

    records, left_out = read_runs(runs)
    histories = {run: record.history for run, record in records.items() if record.history}
    for run in records.keys() - histories.keys():
        stderr.print(f"{run}: left out, it has no epochs (kind {records[run].kind})")
    if not histories:
        raise DataError(
            f"none of the {len(runs)} places has a record with epochs; name the folder of a trained encoder"
        )
    if missing := len(records) - len(histories) + len(left_out):
        stderr.print(f"{missing} of {len(runs)} left out")
    write_curves(histories, out)
    stderr.print(f"{out}: {len(histories)} runs")
