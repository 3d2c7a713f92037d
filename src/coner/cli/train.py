"""``coner train``: from a config to a model folder with its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.model import model as model_folder
from coner.cli.options import Overwrite, ScoresJson
from coner.cli.spending import INCOMPLETE, Cost, LedgerFile, Tokens, check_cost, check_unused, tell_record

if TYPE_CHECKING:
    from coner.families.settings import Experiment


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; see configs/.")],
    out: Annotated[Path, typer.Option(help="Folder of the run: model, record.json, log.txt, checkpoint.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one setting; may be given again."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            parser=model_folder,
            metavar="RUN",
            help="Encoder: start from this trained model (a folder, or hf://user/name); for --set train.init=...",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Encoder: curves there; short for --set train.tensorboard=...")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=0, help="CRF: so many further, random regularisations, judged on data.dev.")
    ] = 0,
    scheme: Annotated[
        Literal["iob2", "iob1", "bioes"] | None, typer.Option(help="Short for --set data.scheme=...")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Short for --set data.repair=true.")] = False,
    overwrite: Overwrite = False,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    as_json: ScoresJson = False,
) -> None:
    """Train a tagger, tag and score data.dev (and data.test), and record it all.

    A prompted language model (kind llm) has nothing to train: its examples are chosen and stored, and it is asked about
    data.dev and data.test where they are named, within the budget.

    For the others, without a data.dev a tenth of data.train is cut off for it, by text, and always the same.

    The same command goes on after Ctrl-C, a crash or a power cut (an encoder from its last checkpoint; a CRF anew).

    Several processes train an encoder together where a launcher starts them: torchrun --nproc-per-node 2 -m coner ...

    Examples:

      coner train configs/crf.toml --set data.train=train.conll --set data.dev=dev.conll --out runs/crf

      coner train configs/paper.toml --set data.train=train.conll --set encoder.name=minilm --out runs/paper
    """
    import json

    from coner.core import processes
    from coner.core.progress import stderr
    from coner.families.encoder.settings import EncoderExperiment
    from coner.families.llm.settings import Budget, LlmExperiment
    from coner.families.settings import load_experiment
    from coner.records.record import RECORD
    from coner.runs.train import assist, run

    short = {"data.scheme": scheme, "data.repair": "true" if repair else None}
    changes = [*(overrides or ()), *(f"{key}={value}" for key, value in short.items() if value)]
    settings = load_experiment(config, changes)
    settings = _with_options(settings, config, trials=trials, init=init, tensorboard=tensorboard)
    check_cost(budget_cost)
    if not isinstance(settings, EncoderExperiment):
        processes.require_single_process(
            "the training of a CRF" if settings.kind == "crf" else "a prompted language model"
        )
    elif processes.rank():
        stderr.quiet = True  # what is to be said, the first process says
        assist(settings, out)
        return
    finished = (out / RECORD).exists() and not overwrite
    if isinstance(settings, LlmExperiment):
        from coner.families.llm.run import run_llm

        budget = Budget(tokens=budget_tokens, cost=budget_cost)
        record = run_llm(settings, out, budget=budget, ledger=ledger, overwrite=overwrite)
    else:
        check_unused(f"{config} is of kind {settings.kind}", budget_tokens, budget_cost, ledger)
        record = run(settings, out, overwrite=overwrite)
        if finished:
            stderr.print(f"{out}: this run is finished already; --overwrite does it again")
    whole = tell_record(record, out)
    if as_json:
        typer.echo(json.dumps(record.scores, ensure_ascii=False))
    if not whole:
        raise typer.Exit(INCOMPLETE)


def _with_options(
    settings: Experiment, config: Path, *, trials: int, init: Path | None, tensorboard: Path | None
) -> Experiment:
    """What options change beside ``--set``; ``ConfigError`` where the kind does not know one."""
    from coner.core.errors import ConfigError
    from coner.families.crf.settings import CrfExperiment
    from coner.families.encoder.settings import EncoderExperiment

    if trials:
        if not isinstance(settings, CrfExperiment):
            raise ConfigError(f"--trials: searches the regularisation of a CRF; {config} is of kind {settings.kind}")
        settings = settings.model_copy(update={"crf": settings.crf.model_copy(update={"trials": trials})})
    for name, place, what in (
        ("init", init, "starts from the weights of a trained encoder"),
        ("tensorboard", tensorboard, "shows the steps of an encoder's training"),
    ):
        if place is not None:
            if not isinstance(settings, EncoderExperiment):
                raise ConfigError(f"--{name}: {what}; {config} is of kind {settings.kind}")
            settings = settings.model_copy(update={"train": settings.train.model_copy(update={name: place})})
    return settings
