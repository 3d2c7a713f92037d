"""``coner train``: train a tagger from a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import Cost, LedgerFile, Overrides, Overwrite, ScoresJson, Tokens, model_folder
from coner.cli.outcome import run_recipe
from coner.core.tags import Scheme


def train(
    config: Annotated[Path, typer.Argument(help="TOML file; see configs/.")],
    out: Annotated[Path, typer.Option(help="Folder of the run: model, record.json, log.txt, checkpoint.")],
    overrides: Overrides = None,
    init: Annotated[
        Path | None,
        typer.Option(
            parser=model_folder,
            metavar="RUN",
            help="Encoder: start from the weights of this trained encoder; short for --set train.init=RUN.",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Encoder: write TensorBoard curves; short for --set train.tensorboard=FOLDER."
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=0, help="CRF: also try N random regularisations; short for --set crf.trials=N.", metavar="N"),
    ] = None,
    scheme: Annotated[Scheme | None, typer.Option(help="Short for --set data.scheme=...")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Short for --set data.repair=true.")] = False,
    overwrite: Overwrite = False,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    as_json: ScoresJson = False,
) -> None:
    """Train a tagger, evaluate it on data.dev and data.test, and record everything.

    Without data.dev a tenth of data.train is used for it, split by text and always the same.

    Progress is saved: after Ctrl-C or a crash, run the same command again to resume. An encoder resumes from its last
    checkpoint; a CRF starts again.

    A prompted language model (kind = "llm") has nothing to train: its examples are chosen and stored, and it is
    evaluated on data.dev and data.test if they are set, within the budget.

    Several processes train one encoder together: torchrun --nproc-per-node 2 -m coner train ...

    Examples:

      coner train configs/crf.toml --set data.train=train.conll --set data.dev=dev.conll --out runs/crf

      coner train configs/paper.toml --set data.train=train.conll --set encoder.name=minilm --out runs/paper
    """
    from coner.core import processes
    from coner.core.errors import ConfigError
    from coner.core.progress import stderr
    from coner.families.registry import family
    from coner.families.settings import load_experiment
    from coner.families.usage import Spending
    from coner.runs.execute import assist

    shortcuts = {
        "--init": ("train.init", init and json.dumps(str(init))),
        "--tensorboard": ("train.tensorboard", tensorboard and json.dumps(str(tensorboard))),
        "--trials": ("crf.trials", trials),
        "--scheme": ("data.scheme", scheme),
        "--repair": ("data.repair", "true" if repair else None),
    }
    settings = load_experiment(config, overrides or ())
    declared = family(settings.kind)
    changes = []
    for option, (key, value) in shortcuts.items():
        section = key.partition(".")[0]
        if value is None:
            continue
        if section not in declared.settings.model_fields:
            got = f"got a config of kind {settings.kind}"
            raise ConfigError(f"{option}: {got}; expected one with a section [{section}]")
        changes.append(f"{key}={value}")
    settings = load_experiment(config, [*(overrides or ()), *changes])
    recipe = declared.recipe(settings, Spending(budget_tokens, budget_cost, ledger))
    if not declared.multiprocess:
        processes.require_single_process(f"training a model of kind {settings.kind}")
    elif processes.rank():
        stderr.quiet = True  # the first process reports for all
        assist(recipe, out)
        return
    run_recipe(recipe, out, overwrite=overwrite, as_json=as_json)
