"""``coner shrink``: distil a trained encoder into a student with fewer layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import Overwrite, TestFile, model_argument
from coner.cli.outcome import execute_recipe, print_before_after


def shrink(
    teacher: Annotated[Path, model_argument("Folder of a trained encoder, an installed package, or hf://user/name.")],
    out: Annotated[Path, typer.Option(help="Folder of the student: model, record.json, log.txt, checkpoint.")],
    train: Annotated[Path, typer.Option(metavar="FILE", help="Labelled sentences, with labels of the teacher.")],
    dev: Annotated[Path, typer.Option(metavar="FILE", help="Dev file: chooses the epoch, and compares both models.")],
    *,
    layers: Annotated[
        int | None, typer.Option(metavar="N", help="Layers of the student; default: half of the teacher's.")
    ] = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="More sentences, whose labels are ignored; can be repeated."),
    ] = None,
    test: TestFile = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY.PATH=VALUE",
            help="Change seed, a setting of train, or how files are read (data.columns, ...); can be repeated.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, F1 in fractions of 1.")] = False,
) -> None:
    """Train a smaller, faster student of a trained encoder, and compare both on dev.

    The student begins with the lowest layers of the teacher and its head, and learns the teacher's emissions and hidden
    states, and with a small weight the labels. It can learn from more text, without labels (--text); sentences of it
    that are in dev or test are left out.

    Progress is saved: run the same command again to resume. The student is a model like any other.

    Examples:

      coner shrink runs/paper --train train.conll --dev dev.conll --out runs/small

      coner shrink runs/paper --layers 2 --train train.conll --text more.txt --dev dev.conll --out runs/tiny
    """
    from coner.core.errors import requires_extra

    with requires_extra("coner shrink", "encoder"):
        from coner.families.encoder.shrink.compare import compare_with_teacher
        from coner.families.encoder.shrink.recipe import ShrinkOptions, ShrinkRecipe
    data = {name: path for name, path in {"train": train, "dev": dev, "test": test}.items() if path is not None}
    recipe = ShrinkRecipe(ShrinkOptions(teacher, layers, data, text or (), overrides or ()), out)
    execute_recipe(recipe, out, overwrite=overwrite)
    report = compare_with_teacher(recipe, out)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        print_before_after(report, names=("teacher", "student"))
