"""``coner learning-curve``: what more training data would bring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.options import DevData, EncoderName, FamilyOfData, JsonOutput, Overrides, Source, TrainData, reads
from coner.core.errors import INCOMPLETE
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.report.learning_curve import LearningCurve


@reads
def learning_curve(
    source: Source,
    out: Annotated[Path, typer.Option(help="Folder of the curve; each run gets a folder in it.")],
    *,
    kind: FamilyOfData = None,
    train_file: TrainData = None,
    dev: DevData = None,
    encoder: EncoderName = None,
    fractions: Annotated[
        str, typer.Option(metavar="LIST", help="Fractions of the training split, at least three; 1 is always added.")
    ] = "1/8,1/4,1/2,1",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each size; seeds count up from that of the settings.")] = 3,
    by: Annotated[Literal["micro", "macro"], typer.Option(help="F1 of the answer and of the picture.")] = "micro",
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the curve: .svg, .png or .pdf.")
    ] = None,
    overrides: Overrides = None,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Train on growing samples of the training data, and estimate what twice the data would bring.

    With each seed, the sentences of a smaller sample are part of the larger ones, and classes are in proportion; rare
    ones are kept where possible. All runs are evaluated on dev (without one, on a tenth of the training data that is
    split off first); a test file is not used, and data.extra files are in every sample.

    The family is chosen once, for the whole training split. Settings that depend on the number of sentences, such as
    the epochs of an encoder, are chosen for each sample by the rules of coner train.

    The curve is one of three power laws, whose distance from an asymptote falls as n ** -b. The 95 % interval covers
    chance in the dev sentences, in which sentences are annotated and in training, and all of these laws that fit. It
    does not cover other kinds of text, annotators or taggers, nor any other curve, and with one seed it is too narrow.

    Run the same command again to resume: finished runs are not repeated. Started in several terminals, it shares the
    runs among them. A run that fails is reported with its reason and tried again by the next call; the exit code is 3.

    Examples:

      coner learning-curve train.conll --dev dev.conll --out runs/curve

      coner learning-curve train.conll --family crf --fractions 1/16,1/8,1/4,1/2 --seeds 5 --by macro --out runs/curve
      --picture curve.svg
    """
    from coner.cli.source import as_changes, read_values
    from coner.core.progress import stderr
    from coner.report.learning_curve import check_picture, make_curve, write_picture
    from coner.runs.learning_curve import parse_fractions, run_curve

    shortcuts = {
        "--family": ("kind", kind),
        "--train": ("data.train", train_file),
        "--dev": ("data.dev", dev),
        "--encoder": ("encoder.name", encoder),
    }
    changes = as_changes(shortcuts, reading)
    if picture:
        check_picture(picture)
    chosen = parse_fractions(fractions)
    values = read_values(source, out.resolve().name, overrides or (), changes)
    records, outcome = run_curve(values, chosen, out, seeds=seeds, source=source)
    for run, reason in outcome.failed.items():
        stderr.print(f"{run}: failed: {reason}")
    curve = make_curve(records)
    _show(curve, by, as_json=as_json)
    if picture and curve.forecasts:
        write_picture(curve, by, picture)
        stderr.print(f"{picture}: {by} F1 by number of sentences")
    if outcome.failed or outcome.elsewhere:
        raise typer.Exit(INCOMPLETE)


def _show(curve: LearningCurve, by: str, *, as_json: bool) -> None:
    from coner.core.progress import stderr
    from coner.report.grid import print_whole
    from coner.report.learning_curve import COVERS, ONE_SEED

    if as_json:
        typer.echo(json.dumps(curve.as_dict(), ensure_ascii=False, indent=2))
    elif curve.sizes:
        print_whole(f"Scores on {curve.split}", curve.grid().table())
    if reason := curve.unpredictable:
        stderr.print(reason)
        return
    if not as_json:
        typer.echo(curve.sentence(by))
        typer.echo(COVERS)
    if curve.one_seed:
        stderr.print(ONE_SEED)
