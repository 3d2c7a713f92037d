"""``coner ablate``: what each idea is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def ablate(
    config: Annotated[Path, typer.Argument(help="A TOML file: the whole model, with every idea in it.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True, help="Further names of --encoders.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder; each run is a folder in it.")],
    plan: Annotated[str, typer.Option(metavar="NAME|FILE", help="The list of rows.")] = "paper",
    rows: Annotated[str, typer.Option(metavar="NAMES", help="Only these, and what they are compared with.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row, by seeds counted up from the config's.")] = 3,
    encoders: Annotated[str, typer.Option(metavar="NAMES", help="Each row with each of these encoders: a b c.")] = "",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one setting of all rows; may be given again."),
    ] = None,
    part: Annotated[
        Literal["auto", "dev", "test"],
        typer.Option(help="Whose scores to show; auto: test where every run was scored on it, else dev."),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The table as one JSON object.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table for GitHub.")] = False,
) -> None:
    """Train a list of variants of one config by several seeds, and show what each is worth.

    The list is a TOML file of [[row]] tables: name, what it changes (set), the row that it is compared with (against).
    The packaged list "paper" takes the ideas of arXiv 2401.00698 one by one.

    The same command goes on where it stopped: a crash or Ctrl-C loses no finished run. Start it again in another
    terminal, and the two share the list (OMP_NUM_THREADS=1 for each suits two cores best). A run that fails is told
    with its reason, tried again by the next call, and gives exit code 3. With --set data.test=FILE finished runs are
    scored on that file too. coner compare FOLDER shows the table as far as it is.

    Each row is mean and standard deviation over its seeds. Bold is a difference in macro F1 that is more than chance:
    p of approximate randomisation, corrected for the number of rows (Holm), of at most 0.05, and a bootstrap interval
    over sentences and seeds that leaves 0 out.

    Examples:

      coner ablate configs/paper-minilm.toml --set data.train=train.conll --set data.dev=dev.conll --out runs/ablation

      coner ablate configs/paper-minilm.toml --rows plain,plain+crf --seeds 1 --out runs/ablation

      coner ablate configs/paper.toml --encoders minilm mpnet --seeds 2 --out runs/encoders
    """
    from coner.cli.compare import show_ablation
    from coner.config.load import load_values
    from coner.core.errors import ConfigError
    from coner.runs.ablation.plan import check_settings, load_plan
    from coner.runs.ablation.run import run_all, runs_of

    if more and not encoders:
        raise ConfigError(f"unexpected: {' '.join(more)}; expected one config, and options")
    chosen = load_plan(plan).choose(_names(rows))
    settings = check_settings(chosen, load_values(config, overrides or ()), str(config))
    outcome = run_all(runs_of(chosen, settings, seeds=seeds, encoders=_names(" ".join([encoders, *(more or ())]))), out)
    show_ablation(out, part=None if part == "auto" else part, as_json=as_json, markdown=markdown)
    if outcome.failed or outcome.elsewhere:
        raise typer.Exit(3)


def _names(text: str) -> list[str]:
    return text.replace(",", " ").split()
