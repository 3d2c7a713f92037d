"""``coner train``: train a tagger, from a config or directly on data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import (
    Cost,
    EncoderName,
    FamilyOfData,
    LedgerFile,
    Overrides,
    Overwrite,
    ScoresJson,
    Tokens,
    TrainData,
    model_folder,
    reads,
)
from coner.cli.outcome import run_recipe
from coner.data.reading.reader import Reading


@reads
def train(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG|DATA...", help="TOML file, built-in config (coner config), or training data; see --union."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run: model, record.json, log.txt, checkpoint.")],
    *,
    kind: FamilyOfData = None,
    train_file: TrainData = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(metavar="DATA", help="Short for --set data.dev=DATA; with --union, once for each data set."),
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option(metavar="DATA", help="Short for --set data.test=DATA; with --union, once for each data set."),
    ] = None,
    union: Annotated[
        bool,
        typer.Option("--union", help="Several data sets, each annotated with its own labels only."),
    ] = False,
    encoder: EncoderName = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Short for --set seed=N.", metavar="N")] = None,
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
    kb: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Use this knowledge base; short for --set knowledge.base=DIR."),
    ] = None,
    embed_kb: Annotated[
        bool, typer.Option("--embed-kb", help="Copy the knowledge base into the model; sets knowledge.embed.")
    ] = False,
    oracle: Annotated[
        bool,
        typer.Option("--oracle", help="Allow a knowledge base with mentions of dev or test, and mark the run."),
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(min=0, help="CRF: also try N random regularisations; short for --set crf.trials=N.", metavar="N"),
    ] = None,
    overwrite: Overwrite = False,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    as_json: ScoresJson = False,
    reading: Reading,
) -> None:
    """Train a tagger, from a config or directly on data, evaluate it on dev and test, and record everything.

    The argument is a config if it ends in .toml, or is the name of a built-in one and no file has this name; else data
    of any format. On data, an encoder is trained if its packages are installed, most letters are Latin and it would
    take less than an hour or there is an accelerator; else a CRF. --family, or a setting of a family, chooses another.
    Settings that are left open are chosen: an encoder gets at least 400 steps, and rates for its size. coner config OUT
    prints those of a run.

    With --union, unlabelled words of a data set may be mentions of labels that only the others annotate. The first
    argument may be a config.

    Without dev data a tenth of the training data is used for it, split by text and always the same.

    Progress is saved: after Ctrl-C or a crash, run the same command again to resume. An encoder resumes from its last
    checkpoint; a CRF starts again.

    A prompted language model (kind = "llm") has nothing to train: its examples are chosen and stored, and it is
    evaluated on data.dev and data.test if they are set, within the budget.

    Several processes train one encoder together: torchrun --nproc-per-node 2 -m coner train ...

    Examples:

      coner train train.conll --dev dev.conll --out runs/first

      coner train news.conll biomed.conll --union --dev news-dev.conll --dev biomed-dev.conll --out runs/both

      coner train train.conll --family crf --set crf.c2=0.1 --out runs/crf

      coner train paper-minilm --train train.conll --dev dev.conll --out runs/paper

      coner train my.toml --set train.epochs=12 --out runs/mine
    """
    from coner.cli.source import as_changes, read_values
    from coner.cli.union import union_shortcuts
    from coner.core import processes
    from coner.core.progress import Log, stderr
    from coner.data.splits import SplitCache
    from coner.families.registry import family
    from coner.families.usage import Spending
    from coner.runs.choice import settings_of
    from coner.runs.execute import assist

    source, data = union_shortcuts(sources, dev or (), test or (), union=union)
    shortcuts = {
        "--family": ("kind", kind),
        "--train": ("data.train", train_file),
        **data,
        "--encoder": ("encoder.name", encoder),
        "--seed": ("seed", seed),
        "--init": ("train.init", init),
        "--tensorboard": ("train.tensorboard", tensorboard),
        "--trials": ("crf.trials", trials),
        "--kb": ("knowledge.base", kb),
        "--embed-kb": ("knowledge.embed", embed_kb or None),
        "--oracle": ("knowledge.oracle", oracle or None),
    }
    changes = as_changes(shortcuts, reading)
    stderr.quiet = processes.rank() > 0  # the first process reports for all
    cache = SplitCache()
    values = read_values(source, out.resolve().name, overrides or (), changes)
    settings = settings_of(source, values, cache.train, log=Log())
    recipe = family(settings.kind).recipe(settings, Spending(budget_tokens, budget_cost, ledger))
    if processes.rank():
        assist(recipe, out)
        return
    run_recipe(recipe, out, overwrite=overwrite, as_json=as_json, cache=cache)
