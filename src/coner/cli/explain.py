"""``coner explain``: what a feature CRF has learned."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import ModelKnowledge, model_argument


def explain(
    model: Annotated[Path, model_argument("Folder of a trained CRF, an installed package, or hf://user/name.")],
    label: Annotated[list[str] | None, typer.Option(help="Only this label; can be repeated. Default: all.")] = None,
    top: Annotated[
        int, typer.Option(min=1, help="Number of supporting features, of opposing features, and of transitions.")
    ] = 20,
    kb: ModelKnowledge = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list with one JSON object per label.")] = False,
) -> None:
    """Show the features and tag transitions with the strongest weights for each label of a CRF.

    Examples:

        coner explain runs/crf

        coner explain runs/crf --label Artist --top 5
    """
    from rich.table import Table

    from coner.families import load
    from coner.families.crf.explain import explain as explain_tagger
    from coner.report.grid import print_whole

    explanations = explain_tagger(load(model, kb=kb), labels=label or (), top=top)
    if as_json:
        typer.echo(json.dumps([asdict(explanation) for explanation in explanations], ensure_ascii=False, indent=2))
        return
    for explanation in explanations:
        table = Table("weight", "tag", "feature", title=explanation.label, title_justify="left", box=None)
        for row in (*explanation.supports, *reversed(explanation.opposes)):
            table.add_row(f"{row.weight:+.2f}", row.tag, row.feature)
        for move in explanation.transitions:
            table.add_row(f"{move.weight:+.2f}", move.before, f"then {move.after}")
        print_whole(table, "")
