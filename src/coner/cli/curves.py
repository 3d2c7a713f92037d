"""``coner curves``: learning curves as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coner.core.counted import counted


def curves(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or record files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write: .svg, .png or .pdf.")],
) -> None:
    """Draw loss, macro F1 on dev and the weight of the coarse loss by epoch.

    Examples:

      coner curves runs/paper runs/plain -o curves.svg

      coner curves results/*.json -o curves.png
    """
    from coner.core.progress import stderr
    from coner.report.curves import write_curves
    from coner.report.run_paths import read_runs, report_left_out

    records, _, left_out = read_runs(runs)
    histories = {run: record.history for run, record in records.items() if record.history}
    left_out += [(run, f"it has no epochs (kind {each.kind})") for run, each in records.items() if not each.history]
    report_left_out(left_out, len(runs), "epochs; expected a trained encoder")
    write_curves(histories, out)
    stderr.print(f"{out}: {counted(len(histories), 'run')}")
