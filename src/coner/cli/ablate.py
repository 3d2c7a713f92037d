"""``coner ablate``: measure what each component of a config contributes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import HiddenPart, Overrides, ShownSplit
from coner.core.errors import INCOMPLETE


def ablate(
    config: Annotated[
        str, typer.Argument(help="TOML file, or a built-in config: the full model, with all components.")
    ],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, help="Further names of --encoders.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the ablation; each run gets a folder in it.")],
    plan: Annotated[str, typer.Option(metavar="NAME|FILE", help="Name of a packaged plan, or a TOML file.")] = "paper",
    rows: Annotated[
        str, typer.Option(metavar="NAMES", help="Only these rows, and those that they are compared with.")
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row; seeds count up from that of the config.")] = 3,
    encoders: Annotated[
        str, typer.Option(metavar="NAMES", help="Run each row with each of these encoders: a b c.")
    ] = "",
    overrides: Overrides = None,
    split: ShownSplit = "auto",
    split_alias: HiddenPart = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as one JSON object.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Train variants of one config with several seeds, and show what each changes.

    A plan is a TOML file of [[row]] tables: name, set (the changes), against (the row that they are applied to, and
    compared with). The packaged plan "paper" has the ideas of arXiv 2401.00698, one by one.

    Run the same command again to resume: finished runs are not repeated. Started in several terminals, it shares the
    runs among them (best with OMP_NUM_THREADS=1 in each). A run that fails is reported with its reason and tried again
    by the next call; the exit code is 3. With --set data.test=FILE finished runs are also evaluated on that file. coner
    compare FOLDER shows the table so far.

    A row shows mean and standard deviation over its seeds. A difference in macro F1 is bold if it is significant: p <=
    0.05 by approximate randomisation, corrected for the number of rows (Holm), and a bootstrap interval over sentences
    and seeds without 0.

    Examples:

      coner ablate paper-minilm --set data.train=train.conll --set data.dev=dev.conll --out runs/ablation

      coner ablate paper-minilm --rows plain,plain+crf --seeds 1 --out runs/ablation

      coner ablate paper --encoders minilm mpnet --seeds 2 --out runs/encoders
    """
    from coner.cli.compare import show_ablation
    from coner.core.errors import ConfigError
    from coner.runs.ablation.run import ablate

    if more and not encoders:
        raise ConfigError(f"got unexpected arguments {' '.join(more)}; expected one config, and options")
    names = {"rows": _names(rows), "encoders": _names(" ".join([encoders, *(more or ())]))}
    outcome = ablate(config, out, plan=plan, seeds=seeds, overrides=overrides or (), **names)
    shown = split_alias or split
    show_ablation(out, split=None if shown == "auto" else shown, as_json=as_json, markdown=markdown)
    if outcome.failed or outcome.elsewhere:
        raise typer.Exit(INCOMPLETE)


def _names(text: str) -> list[str]:
    return text.replace(",", " ").split()
