"""``coner vote``: combine several trained models into one that votes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from coner.cli.options import Overwrite, ScoresJson, TestFile, TrainFile, model_argument, reads
from coner.cli.outcome import run_recipe
from coner.core.errors import ConfigError
from coner.data.reading.reader import Reading


@reads
def vote(
    models: Annotated[
        list[Path],
        model_argument("Folders of trained models, of any kind, installed packages, or hf://user/name.", "RUN"),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the vote: model, record.json, log.txt.")],
    *,
    dev: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dev file: evaluated, and used to choose the threshold.")
    ] = None,
    test: TestFile = None,
    train: TrainFile = None,
    weights: Annotated[
        str | None, typer.Option(metavar="1,1,2", help="Weight of each model, in their order; default: equal.")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="auto|X",
            help="A mention must score more than X; default: auto (chosen on --dev) with --dev, else 0.5.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: ScoresJson = False,
    reading: Reading,
) -> None:
    """Let trained models vote: seeds of one model, or different ones, such as a CRF and an encoder.

    The score of a span with a label is the weighted mean of its confidences in all models. Of overlapping spans those
    with the largest sum of (score - threshold) are chosen.

    The folder is a model like any other, with its members in it.

    Examples:

      coner vote runs/seed42 runs/seed43 runs/seed44 --out runs/three

      coner vote runs/crf runs/paper --weights 1,2 --dev dev.conll --train train.conll --out runs/both
    """
    from coner.config.experiment import DataSettings
    from coner.families.vote.recipe import VoteRecipe, members_of
    from coner.families.vote.settings import VoteExperiment, VoteSettings

    members = members_of(models, _weights(weights, len(models)))
    default = "auto" if dev else "0.5"
    chosen = VoteSettings(members=members, threshold=_threshold(default if threshold is None else threshold))
    data = DataSettings(train=train, dev=dev, test=test, **reading)
    settings = VoteExperiment(name=out.resolve().name, data=data, vote=chosen)
    run_recipe(VoteRecipe(settings, out), out, overwrite=overwrite, as_json=as_json)


def _weights(text: str | None, models: int) -> list[float]:
    try:
        weights = [1.0] * models if text is None else [float(number) for number in text.split(",")]
    except ValueError:
        weights = []
    if len(weights) != models or not all(0 < weight < math.inf for weight in weights):
        some = ",".join("1" * models)
        raise ConfigError(f"--weights: got {text!r}; expected a number above 0 for each model, such as {some}")
    return weights


def _threshold(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise ConfigError(f"--threshold: got {text!r}; expected auto, or a number from 0 to 1")
    return threshold
