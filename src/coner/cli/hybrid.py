"""``coner hybrid``: find mentions with a trained model, and label uncertain ones with a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from coner.cli import options
from coner.cli.outcome import run_recipe
from coner.data.reading.reader import Reading


@options.reads
def hybrid(
    first: Annotated[Path, options.model_argument("Folder of the model that finds the mentions.", "RUN")],
    llm: Annotated[Path, options.model_argument("Folder of a prompted language model.", "LLM")],
    out: Annotated[Path, typer.Option(help="Folder of the hybrid: model, record.json, log.txt.")],
    *,
    below: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help="Ask about mentions with a confidence below X.")
    ] = 0.6,
    candidates: Annotated[
        Literal["group", "all"],
        typer.Option(help="Labels to choose from: those of the predicted coarse group, or all."),
    ] = "group",
    dev: Annotated[Path | None, typer.Option(metavar="FILE", help="Dev file: evaluated.")] = None,
    test: options.TestFile = None,
    train: options.TrainFile = None,
    budget_tokens: options.Tokens = None,
    budget_cost: options.Cost = None,
    ledger: options.LedgerFile = None,
    allow_endpoint: options.Endpoints = None,
    overwrite: options.Overwrite = False,
    as_json: options.ScoresJson = False,
    reading: Reading,
) -> None:
    """Find mentions with a trained model, and let a language model label those with a low confidence.

    A mention without an answer keeps its label; then the exit code is 3: run the same command again to ask for it. The
    folder is a model like any other, with both models in it.

    Examples:

      coner hybrid runs/paper runs/llm --below 0.6 --dev dev.conll --out runs/hybrid

      coner compare runs/paper runs/hybrid
    """
    from coner.config.experiment import DataSettings
    from coner.families.hybrid.recipe import HybridRecipe
    from coner.families.hybrid.settings import HybridExperiment, HybridSettings
    from coner.families.manifest import read_manifest
    from coner.families.usage import Spending

    kind = read_manifest(first).kind
    chosen = HybridSettings(first=first, first_kind=kind, llm=llm, below=below, candidates=candidates)
    data = DataSettings(train=train, dev=dev, test=test, **reading)
    settings = HybridExperiment(name=out.resolve().name, data=data, hybrid=chosen)
    recipe = HybridRecipe(settings, out, Spending(budget_tokens, budget_cost, ledger, tuple(allow_endpoint or ())))
    run_recipe(recipe, out, overwrite=overwrite, as_json=as_json)
