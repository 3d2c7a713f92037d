"""``coner data map``: label maps, and how well they fit the data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coner.cli.options import JsonOutput, reads
from coner.core.errors import ConfigError
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.data.agreement import Agreement

SHOWN = 3  # labels outside of the map; --json has all


@reads
def label_map(
    *,
    source: Annotated[
        Path | None, typer.Option("--check", metavar="SOURCE", help="Labelled data with the labels that are mapped.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--map", metavar="NAME|FILE", help="A built-in map, or a TOML file.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--on", metavar="TARGET", help="Labelled data with the labels of the taxonomy.")
    ] = None,
    taxonomy: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Taxonomy of TARGET; auto: a built-in with all labels, else flat.")
    ] = "auto",
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Check a label map: how often a surface that is a mention in both data sets has a label that the map allows.

    A surface counts with its most frequent label in each data set. Without options the built-in maps are listed.

    Examples:

      coner data map

      coner data map --check multiconer1.conll --map multiconer1 --on train.conll
    """
    from coner.data.agreement import check_map
    from coner.data.label_map import builtin_maps

    if source is None and name is None and target is None:
        typer.echo(json.dumps(builtin_maps()) if as_json else "\n".join(builtin_maps()))
        return
    if source is None or name is None or target is None:
        raise ConfigError("coner data map: expected --check SOURCE, --map NAME and --on TARGET together, or none")
    rows = check_map(source, name, target, taxonomy=taxonomy, **reading)
    if as_json:
        values = {"source": str(source), "map": name, "target": str(target), "labels": [row.as_dict() for row in rows]}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        _show(rows)


def _show(rows: Sequence[Agreement]) -> None:
    from coner.report.grid import DASH, Grid, print_whole

    def cells(label: str, surfaces: int, agreeing: int, others: str) -> list[str]:
        return [label, f"{surfaces:,}", f"{100 * agreeing / surfaces:.1f} %" if surfaces else DASH, others]

    lines = []
    for row in rows:
        some = [f"{label} {count} ({row.examples[label]})" for label, count in list(row.others.items())[:SHOWN]]
        lines.append(cells(row.label, row.surfaces, row.agreeing, ", ".join(some)))
    lines.append(cells("all", sum(row.surfaces for row in rows), sum(row.agreeing for row in rows), ""))
    print_whole(Grid(("label", "shared surfaces", "agreement", "others most often"), lines).table())
