"""``coner tag``: tag files, or standard input, with a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli import options
from coner.cli.outcome import report_tally
from coner.core.counted import counted
from coner.core.errors import INCOMPLETE
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.tagging.file import TaggedFile
    from coner.tagging.files import Engine, TaggedFiles

AFTER_DECODING = {  # counts of entities, with their titles
    "below": "left out below the threshold",  # of the model
    "added": "added by rules",
    "removed": "removed by rules",
    "relabelled": "relabelled by rules",
    "linked": "linked",
}


@options.reads
def tag(
    model: Annotated[
        Path, options.model_argument("Folder of a trained model, an installed package, or hf://user/name.")
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files to tag: CoNLL, JSONL, text (also .gz), or any format that coner convert reads; - is standard "
            "input. Several files (CoNLL, JSONL, Parquet) are tagged into a folder.",
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", help="Output file, or a folder if it ends in /; - is standard output.")
    ] = "-",
    *,
    to: options.OutputFormat = "auto",
    to_alias: options.HiddenFormat = None,
    from_format: options.InputFormat = "auto",
    write: Annotated[Literal["iob2", "bioes"], typer.Option("--tags", help="Tag scheme of the output.")] = "iob2",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Tag into a folder in this process, or by workers of a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Address of a running Ray cluster; default: one on this machine."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With ray: number of workers; default: as many as the cores allow.")
    ] = None,
    limit: options.Limit = None,
    budget_tokens: options.Tokens = None,
    budget_cost: options.Cost = None,
    ledger: options.LedgerFile = None,
    rules: options.Rules = None,
    link: options.Link = False,
    kb: options.KnowledgeBase = None,
    type_map: options.TypeMap = None,
    allow_endpoint: options.Endpoints = None,
    reading: Reading,
) -> None:
    """Find the entities of every sentence; order, ids and other columns are kept.

    From file to file progress is saved: after Ctrl-C or a crash, run the same command again to resume.

    A language model may give no answer, for example when its budget is spent. Such sentences are written without labels
    (`_` in CoNLL), and the exit code is 3; run the same command again to ask for them alone.

    Examples:

      coner tag runs/paper input.conll -o output.conll

      coner tag runs/paper input.conll -o page.html

      coner tag runs/paper corpus/*.parquet -o tagged/ --engine ray

      coner tag runs/llm input.conll -o output.conll --limit 200 --budget-tokens 500000

      coner tag runs/paper input.jsonl -o output.jsonl --rules rules.toml --link --kb kb/

      echo 'she moved from são paulo to basel' | coner tag runs/paper - --from text

      coner tag hf://user/name@v1 input.conll -o output.conll
    """
    from coner.core.errors import ConfigError, OutputError
    from coner.core.progress import stderr
    from coner.families.usage import Spending
    from coner.tagging.file import tag_file
    from coner.tagging.files import local_engine, tag_files
    from coner.tagging.job import TaggingJob

    to = to_alias or to
    spending = Spending(budget_tokens, budget_cost, ledger, tuple(allow_endpoint or ()))
    if workers and engine != "ray":
        raise OutputError("--workers: only for --engine ray. Fix: leave it out, or add --engine ray")
    loading = options.load_options(rules, kb, link, type_map)
    job = TaggingJob(str(model.resolve()), from_format, write, reading, options=loading)
    if engine == "local" and len(sources) == 1 and not out.endswith("/"):
        done = tag_file(job, sources[0], out, to=to, limit=limit, spending=spending)
        stderr.print(_file_summary(done))
        report_tally(done.tagger, done.tally)
        if done.tally.lacking:  # also in earlier starts
            raise typer.Exit(INCOMPLETE)
        return
    if limit is not None or spending != Spending():
        limits = "--limit, --budget-tokens, --budget-cost, --ledger, --allow-endpoint"
        raise ConfigError(f"{limits}: only for a single file. Fix: leave them out, or tag one file at a time")
    if to != "auto":
        raise OutputError(f"--to {to}: files in a folder keep the format of their inputs. Fix: leave it out")
    if out == "-":
        message = "not set; several files, and --engine ray, need a folder to write into. Fix: -o FOLDER/"
        raise OutputError(f"--out: {message}")
    chosen: Engine = local_engine
    if engine == "ray":
        from coner.tagging.cluster import ray_engine

        chosen = ray_engine(address, workers)
    for line in _files_summary(tag_files(sources, Path(out), job, chosen)):
        stderr.print(line)


def _file_summary(done: TaggedFile) -> str:
    tagger, reader, tally = done.tagger, done.reader, done.tally
    counts = [tally.sentences, tally.entities, reader.repaired, reader.skipped, tally.repaired]
    after = _after_decoding(tally.counts())
    line = _counts(counts, {**after, f"{tagger.unit}s without an answer": tally.lacking})
    return f"{line} ({tagger.hardware})" if tagger.hardware else line


def _files_summary(done: TaggedFiles) -> list[str]:
    lines = [f"{done.before} of {done.files} files were already finished"] if done.before else []
    if done.before < done.files:
        counts = [done.counts[name] for name in ("sentences", "entities", "repaired", "skipped", "tags_repaired")]
        lines.append(f"{counted(done.files - done.before, 'file')}, {_counts(counts, _after_decoding(done.counts))}")
    return lines


def _after_decoding(counts: Mapping[str, int]) -> dict[str, int]:
    return {title: counts[name] for name, title in AFTER_DECODING.items()}


def _counts(counts: Sequence[int], other: Mapping[str, int] | None = None) -> str:
    sentences, entities, *faults = counts
    titled = dict(zip(("repaired in the input", "left out", "tags repaired"), faults, strict=True)) | dict(other or {})
    more = [f"{count} {what}" for what, count in titled.items() if count]
    return ", ".join([counted(sentences, "sentence"), counted(entities, "entity", "entities"), *more])
