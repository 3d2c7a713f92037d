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
    from coner.report.curves import draw_runs

    stderr.print(f"{out}: {counted(len(draw_runs(runs, out)), 'run')}")
