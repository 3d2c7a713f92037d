"""``coner distil``: label text with a model, to train another model on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coner.cli.options import (
    Cost,
    Endpoints,
    InputFormat,
    LedgerFile,
    Limit,
    ModelKnowledge,
    Tokens,
    model_argument,
    reads,
)
from coner.cli.outcome import report_tally
from coner.core.counted import counted
from coner.core.errors import INCOMPLETE
from coner.data.reading.reader import Reading


@reads
def distil(
    teacher: Annotated[Path, model_argument("Folder of a model, such as a prompted language model.")],
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="Text, CoNLL, JSONL (also .gz), or any format that coner convert reads."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="CoNLL file to write; also .gz.")],
    *,
    label_map: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="Label map: only labels that those of the input allow."),
    ] = None,
    from_format: InputFormat = "auto",
    kb: ModelKnowledge = None,
    limit: Limit = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    allow_endpoint: Endpoints = None,
    reading: Reading,
) -> None:
    """Label sentences with a model, to train a smaller one on them with data.extra.

    Each sentence is marked with the name of the model. Labels of the input are ignored. Sentences without an answer, or
    with an incomplete one, are left out and counted. If some have no answer, the exit code is 3; run the same command
    again to ask for them.

    With --map, the input has labels of another data set, and each sentence gets the most probable of the taggings that
    these allow; the model must have probabilities of taggings, as a CRF has.

    Examples:

      coner distil runs/llm unlabelled.txt -o silver.conll --budget-tokens 500000

      coner train paper-minilm --set data.train=train.conll
      --set 'data.extra=[{file="silver.conll", weight=0.3}]' --out runs/distilled

      coner distil runs/first multiconer1.conll --map multiconer1 -o silver.conll
    """
    from coner.core.progress import stderr
    from coner.families import load
    from coner.families.usage import Spending
    from coner.tagging.distil import distil_file

    tagger = load(teacher, kb=kb)
    tagger.limit(Spending(budget_tokens, budget_cost, ledger, tuple(allow_endpoint or ())))
    read_as: Any = {"limit": limit, "format": from_format, **reading}
    done = distil_file(tagger, source, out, name=tagger.model or teacher.resolve().name, label_map=label_map, **read_as)
    entities = counted(done.counts["entities"], "entity", "entities")
    if done.tally is None:
        stderr.print(f"{out}: {counted(done.counts['written'], 'sentence')}, {entities} that {done.map} allows")
        return
    unreadable = done.counts["unreadable"]
    left_out = f", {unreadable} left out, because the answer is incomplete or cannot be read" if unreadable else ""
    total = counted(done.tally.sentences, "sentence")
    stderr.print(f"{out}: {done.counts['written']} of {total}, {entities}{left_out}")
    if not report_tally(tagger, done.tally):
        raise typer.Exit(INCOMPLETE)
