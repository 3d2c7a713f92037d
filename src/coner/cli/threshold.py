"""``coner threshold``: calibrate a model's confidences, and leave out what is below a threshold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from coner.cli.options import Cost, LedgerFile, ModelKnowledge, Tokens, model_argument, reads
from coner.data.reading.reader import Reading


@reads
def threshold(
    model: Annotated[Path, model_argument("Folder of a trained model that gives confidences.")],
    dev: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled file to choose on; the model must not be trained on it."),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="GOAL",
            help="precision>=X: the best recall with at least this precision; recall>=X: the reverse; micro_f1 or "
            "macro_f1: the highest. Default: calibrate only.",
        ),
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Reach the goal in each class, with a threshold of its own.")
    ] = False,
    calibrate: Annotated[
        Literal["auto", "none", "temperature", "isotonic"],
        typer.Option(help="How to calibrate confidences; auto: what has the lowest Brier score on held-out folds."),
    ] = "auto",
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="Also measure on this file, once.")] = None,
    folds: Annotated[
        int, typer.Option(min=2, max=20, metavar="N", help="Folds of dev, to measure on held-out ones.")
    ] = 5,
    minimum: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Minimum predictions above a threshold; a class with fewer gold mentions or predictions has the "
            "threshold of all classes.",
        ),
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the folds.")] = 0,
    show: Annotated[bool, typer.Option("--show", help="Show the trade-off; store nothing.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove calibration and thresholds from the model.")] = False,
    kb: ModelKnowledge = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; scores are fractions of 1.")] = False,
    *,
    reading: Reading,
) -> None:
    """Calibrate a model's confidences and choose thresholds on a dev file; stored with the model, used everywhere.

    Without --dev: show what is stored. If the goal cannot be reached, nothing is stored and the exit code is 2.

    Examples:

      coner threshold runs/crf --dev dev.conll --for "precision>=0.9"

      coner threshold runs/crf --dev dev.conll --for macro_f1 --per-class --test test.conll

      coner threshold runs/crf --dev dev.conll --show

      coner threshold runs/crf --clear
    """
    from coner.core.errors import ConfigError
    from coner.core.progress import stderr
    from coner.evaluation.thresholds import Goal
    from coner.families.usage import Spending
    from coner.report.threshold import as_dict, show_point, show_study
    from coner.runs.threshold import ThresholdOptions, choose_threshold

    parsed = None if goal is None else Goal.parse(goal)
    others = {"--for": goal, "--test": test, "--per-class": per_class}
    if clear and (named := [name for name, value in {"--dev": dev, **others, "--show": show}.items() if value]):
        raise ConfigError(f"--clear: got {', '.join(named)} too; expected one. Fix: leave out one of them")
    if clear:
        _clear(model, as_json=as_json)
        return
    if dev is None:
        if named := [name for name, value in others.items() if value]:
            raise ConfigError(f"--dev: not set; {named[0]} needs a labelled file to choose on. Fix: --dev FILE")
        _show_stored(model, as_json=as_json)
        return
    if per_class and parsed is None:
        raise ConfigError("--per-class: got no goal. Fix: add --for, such as --for macro_f1")
    options = ThresholdOptions(parsed, per_class, calibrate, folds, seed, minimum, reading, kb)
    spending = Spending(budget_tokens, budget_cost, ledger)
    chosen = choose_threshold(model, dev, options, test=test, store=not show, spending=spending)
    for line in chosen.study.warnings():
        stderr.print(line)
    if as_json:
        values = as_dict(chosen.point, stored=not show, study=chosen.study, trade_off=show)
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        show_study(chosen.study, trade_off=show)
        if chosen.point is not None:
            show_point(chosen.point)
    if chosen.unreachable is not None:
        raise chosen.unreachable
    stderr.print(f"{model}: {'nothing was stored' if show else 'stored in model.json'}")


def _show_stored(model: Path, *, as_json: bool) -> None:
    from coner.families.manifest import read_manifest
    from coner.report.threshold import as_dict, show_point

    point = read_manifest(model).operating_point
    if as_json:
        typer.echo(json.dumps(as_dict(point, stored=point is not None), ensure_ascii=False, indent=2))
    elif point is None:
        typer.echo(f"{model}: neither calibrated nor with a threshold")
    else:
        show_point(point)


def _clear(model: Path, *, as_json: bool) -> None:
    from coner.core.progress import stderr
    from coner.families.stored_point import replace_operating_point
    from coner.report.threshold import as_dict

    removed = replace_operating_point(model, None)
    stderr.print(f"{model}: {'calibration and thresholds removed' if removed else 'nothing to remove'}")
    if as_json:
        typer.echo(json.dumps(as_dict(None, stored=False), indent=2))
