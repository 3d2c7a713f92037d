"""``coner tag``: a model at work on files, or on standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from coner.cli.model import model as model_folder
from coner.cli.options import InputRepair, InputScheme
from coner.cli.spending import Cost, LedgerFile, Tokens
from coner.tagging.tag_file import Bounds, Reading, To, tag_file


def tag(
    model: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="MODEL", help="Folder of a trained model, or hf://user/name.")
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="CoNLL, JSONL, text (also .gz), or what coner convert reads; - is stdin. Several files (CoNLL, JSONL, "
            "Parquet) go to a folder.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="Where to write: a file, or a folder, which ends in /; - is stdout."),
    ] = "-",
    to: Annotated[
        To,
        typer.Option(
            "--format",
            help="What to write. task: the shared task's submission, a tag a line. auto: by the name of the output, "
            "else CoNLL for CoNLL and JSONL for the rest.",
        ),
    ] = "auto",
    kind: Annotated[
        Literal["auto", "conll", "jsonl", "text", "brat", "labelstudio", "spacy", "datasets"],
        typer.Option("--from", help="What the input is; auto: by its name, then its content."),
    ] = "auto",
    write: Annotated[Literal["iob2", "bioes"], typer.Option("--tags", help="How to write mentions in CoNLL.")] = "iob2",
    scheme: InputScheme = "iob2",
    comment: Annotated[
        str | None, typer.Option(metavar="MARK", help="Lines of the input that begin with it are headers too.")
    ] = None,
    repair: InputRepair = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who tags into a folder: this process, or workers of a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Of a Ray cluster that runs; without it one of this machine alone."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With ray: how many; as many as there are cores for, if not said.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")] = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
) -> None:
    """Find the entities of every sentence; order, ids and other columns are kept.

    From file to file it may be stopped at any time, even by a crash: the same command goes on.

    A language model may owe an answer, as when its budget is spent: such sentences are written without labels (`_` in
    CoNLL), and the exit code is 3. The same command asks for them alone; its ledger gives the others.

    Examples:

      coner tag runs/paper input.conll -o output.conll

      coner tag runs/paper corpus/*.parquet -o tagged/ --engine ray

      coner tag runs/llm input.conll -o output.conll --limit 200 --budget-tokens 500000

      echo 'she moved from são paulo to basel' | coner tag runs/paper - --from text

      coner tag hf://user/name@v1 input.conll -o output.conll
    """
    from coner.core.errors import ConfigError, OutputError
    from coner.tagging.tag_folder import engine_of, goes_into_folder, tag_folder

    reading = Reading(kind, scheme, comment, repair)
    bounds = Bounds(limit, budget_tokens, budget_cost, ledger)
    if workers and engine != "ray":
        raise OutputError("--workers: is of --engine ray; leave it out, or name that engine")
    if not goes_into_folder(sources, out, engine):
        tag_file(model, sources[0], out, to=to, write=write, reading=reading, bounds=bounds)
        return
    if bounds != Bounds():
        raise ConfigError("--limit, --budget-tokens, --budget-cost, --ledger: are of a single file; leave them out")
    from coner.records.machine import versions
    from coner.tagging.slices import Job

    if to != "auto":
        raise OutputError(f"--format {to}: files of a folder keep the form of their inputs; leave it out")
    job = Job(
        model=str(model.resolve()),
        kind=kind,
        scheme=scheme,
        write=write,
        comment=comment,
        repair=repair,
        version=versions().get("coner", ""),
    )
    tag_folder(sources, out, job, engine_of(engine, address=address, workers=workers))
