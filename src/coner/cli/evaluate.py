"""``coner evaluate``: score predictions, or a model, against a gold file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import Cost, Endpoints, LedgerFile, Limit, Tokens, TrainFile, model_argument, reads
from coner.cli.outcome import report_tally
from coner.core.errors import INCOMPLETE
from coner.data.reading.reader import Reading


@reads
def evaluate(
    gold: Annotated[Path, typer.Argument(help="File with gold labels, in any format that coner convert reads.")],
    predicted: Annotated[
        Path | None,
        model_argument(
            "File of the same sentences, or a model (its folder, an installed package, or hf://user/name); default: a "
            "column of GOLD.",
            "PREDICTED|MODEL",
        ),
    ] = None,
    *,
    taxonomy: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Coarse groups; auto: those of the model, else a packaged taxonomy with all labels, else none.",
        ),
    ] = "auto",
    train: TrainFile = None,
    noise: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="With a model: also evaluate on a copy with typos in this fraction of the sentences."
        ),
    ] = None,
    noisy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With a model: also evaluate on this copy of GOLD with typos.")
    ] = None,
    label_map: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="Label map, if GOLD has other labels; scores are in these."),
    ] = None,
    kb: Annotated[
        str | None,
        typer.Option(
            "--kb",
            metavar="DIR|URL",
            help="Knowledge base, of the model or any other: also score known and unknown mentions separately.",
        ),
    ] = None,
    limit: Limit = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    allow_endpoint: Endpoints = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; scores are fractions of 1.")] = False,
    reading: Reading,
) -> None:
    """Score predictions: micro and macro F1 over exact spans and labels, and each class.

    Macro F1 is the mean over the classes that occur in GOLD.

    Examples:

      coner evaluate gold.conll predicted.conll

      coner evaluate test.conll runs/paper --train train.conll --json

      coner evaluate dev.conll runs/paper --noise 1

      coner evaluate wnut17.conll runs/paper --map wnut17

      coner evaluate test.conll runs/paper --kb kb/ --train train.conll

      coner evaluate tagged.txt --columns word=1,gold=2,predicted=3
    """
    from coner.core.progress import stderr
    from coner.families.usage import Spending
    from coner.report.evaluation import show_evaluation, warnings
    from coner.runs.scoring import ScoringOptions
    from coner.runs.scoring import evaluate as evaluate_files

    spending = Spending(budget_tokens, budget_cost, ledger, tuple(allow_endpoint or ()))
    options = ScoringOptions(taxonomy, train, reading, noise, noisy, limit, label_map, spending, kb)
    evaluation = evaluate_files(gold, predicted, options)
    tagger, tally = evaluation.predictions.tagger, evaluation.predictions.tally
    complete = tagger is None or tally is None or report_tally(tagger, tally)
    for line in warnings(evaluation):
        stderr.print(line)
    values = evaluation.as_dict()
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        show_evaluation(evaluation, values["intervals"], gold.name)
    if not complete:
        raise typer.Exit(INCOMPLETE)
