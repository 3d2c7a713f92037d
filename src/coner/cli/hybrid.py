"""``coner hybrid``: one model's mentions, a language model's labels where the first is in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from coner.cli.model import model as model_folder
from coner.cli.options import Overwrite, Repair, Scheme, ScoresJson, TestFile, TrainFile
from coner.cli.run import run_recipe
from coner.cli.spending import Cost, LedgerFile, Tokens


def hybrid(
    first: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="RUN", help="Folder of the model that finds the mentions.")
    ],
    llm: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="LLM", help="Folder of a prompted language model.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the hybrid: model, record.json, log.txt.")],
    *,
    below: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help="Ask about mentions of less confidence than this.")
    ] = 0.6,
    candidates: Annotated[
        Literal["group", "all"], typer.Option(help="Labels to choose from: the group of the first one's label, or all.")
    ] = "group",
    dev: Annotated[Path | None, typer.Option(metavar="FILE", help="Validation file, to be scored.")] = None,
    test: TestFile = None,
    train: TrainFile = None,
    scheme: Scheme = "iob2",
    repair: Repair = False,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    overwrite: Overwrite = False,
    as_json: ScoresJson = False,
) -> None:
    """Let a trained model find the mentions, and a language model label those that it is not sure of.

    A mention without an answer keeps its label; then the exit code is 3, and the same command asks for it again. The
    folder is a model as any other, with both in it, for coner tag, coner evaluate and coner.load.

    Examples:

      coner hybrid runs/paper runs/llm --below 0.6 --dev dev.conll --out runs/hybrid

      coner compare runs/paper runs/hybrid
    """
    from coner.config.data import DataSettings
    from coner.families.hybrid.recipe import HybridRecipe
    from coner.families.hybrid.settings import HybridExperiment, HybridSettings
    from coner.families.manifest import read_manifest
    from coner.families.usage import Spending

    chosen = HybridSettings(
        first=first, first_kind=read_manifest(first).kind, llm=llm, below=below, candidates=candidates
    )
    data = DataSettings(train=train, dev=dev, test=test, scheme=scheme, repair=repair)
    settings = HybridExperiment(name=out.resolve().name, data=data, hybrid=chosen)
    recipe = HybridRecipe(settings, out, Spending(budget_tokens, budget_cost, ledger))
    run_recipe(recipe, out, overwrite=overwrite, as_json=as_json)
