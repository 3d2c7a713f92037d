"""``coner sweep``: a search for good settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from coner.cli.options import Overrides
from coner.core.counted import counted
from coner.core.errors import INCOMPLETE

SHOWN = 10  # trials in the table; --json has all


def sweep(
    config: Annotated[
        str, typer.Argument(help="TOML file, or a built-in config; settings outside the space keep their values.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the search; each trial gets a folder in it.")],
    space: Annotated[
        Path, typer.Option(help="TOML file: a table for each setting that varies, with low and high, or choices.")
    ],
    *,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials, earlier ones included.")] = 30,
    storage: Annotated[
        str, typer.Option(metavar="URL", help="Database of the study, for several machines; default: a file in --out.")
    ] = "",
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all trials as one JSON object.")] = False,
) -> None:
    """Search for the settings with the best macro F1 on data.dev, with optuna; the test split is never used.

    A trial that is worse than the median after the same epoch is pruned. The best settings are written to best.toml,
    for coner train. Only the best trial keeps its model.

    Run the same command again to resume. Started in several terminals, or on several machines with the same --storage,
    it shares the trials among them. Trials that fail are reported; the exit code is 3 if none is finished.

    Examples:

      coner sweep paper-minilm --space configs/space.toml --trials 30 --set data.train=train.conll
      --set data.dev=dev.conll --out runs/sweep

      coner train runs/sweep/best.toml --set data.test=test.conll --out runs/best
    """
    from coner.core.errors import requires_extra

    with requires_extra("coner sweep", "sweep"):
        from coner.runs.sweep.study import best_trial, plain_trial, sweep
    study = sweep(config, space, out, trials=trials, storage=storage, overrides=overrides or ())
    values = [plain_trial(trial) for trial in study.get_trials(deepcopy=False)]
    if as_json:
        best = best_trial(study)
        typer.echo(json.dumps({"best": best and best.number, "trials": values}, ensure_ascii=False, indent=2))
    else:
        _show(values, out)
    if best_trial(study) is None:
        raise typer.Exit(INCOMPLETE)


def _show(trials: list[dict[str, Any]], folder: Path) -> None:
    from coner.report.grid import DASH, Grid, bold, print_whole

    finished = sorted((t for t in trials if t["dev_macro_f1"] is not None), key=lambda t: -t["dev_macro_f1"])
    names = list(dict.fromkeys(name for trial in trials for name in trial["settings"]))
    rows = []
    for index, trial in enumerate(finished[:SHOWN]):
        cells = (str(trial["number"]), f"{trial['dev_macro_f1']:.4f}")
        values = [trial["settings"].get(name, DASH) for name in names]
        shown = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values]
        rows.append([*(bold(cell, index == 0) for cell in cells), *shown])
    counts = {state: sum(t["state"] == state for t in trials) for state in ("complete", "pruned", "fail", "running")}
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    title = f"{folder}: {counted(len(trials), 'trial')}: {states}"
    print_whole(title, Grid(["trial", "dev macro F1", *names], rows).table())
