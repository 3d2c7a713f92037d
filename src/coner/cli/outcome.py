"""What commands print when they finish: how a file was read, usage of an endpoint, missing answers, scores of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coner.core.counted import counted
from coner.core.errors import INCOMPLETE

if TYPE_CHECKING:
    from coner.data import Corpus
    from coner.data.splits import SplitCache
    from coner.families.before_after import BeforeAfter
    from coner.families.recipe import Recipe
    from coner.families.tagger import Tagger
    from coner.records.record import Record
    from coner.tagging.stream import Tally


def report_corpus(corpus: Corpus, name: str | Path) -> None:
    """Print how a file was read, and what was repaired or left out."""
    from coner.core.progress import stderr

    counts = [f"{corpus.repaired} repaired, {corpus.skipped} left out"] if corpus.faults else []
    for line in (*corpus.notes, *counts):
        stderr.print(f"{name}: {line}")


def report_tally(tagger: Tagger, tally: Tally) -> bool:
    """Print the usage of an endpoint, and what has no answer; return whether everything has one."""
    from coner.core.progress import stderr

    usage = tally.usage
    if usage is None:
        return True
    calls = {name: usage.spent.get(name, 0) for name in ("calls", "cached", "prompt_tokens", "completion_tokens")}
    titles = {"prompt_tokens": "prompt tokens", "completion_tokens": "answer tokens"}
    line = ", ".join(f"{value:,} {titles.get(name, name)}" for name, value in calls.items())
    repairs = {"repairs of answers": usage.repaired, "mentions dropped": usage.dropped}
    more = "".join(f", {count:,} {title}" for title, count in repairs.items() if count)
    stderr.print(f"{usage.model}: {line}{more}")
    if usage.declined:
        stderr.print(_declined(usage.declined))
    if message := tally.missing(tagger.unit):
        stderr.print(message)
    return not tally.failures


def report_record(record: Record, out: Path) -> bool:
    """Print which splits have sentences without an answer, or that no call was made; return whether all have one."""
    from coner.core.progress import stderr
    from coner.families.registry import family

    if family(record.kind).calls_endpoint and not record.scores:
        stderr.print(f"{out}: saved; no call was made, because no file to evaluate on is set")
    complete = True
    for name, usage in record.llm.items():
        if usage.declined:
            stderr.print(f"{name}: {_declined(usage.declined)}")
        if not usage.unanswered:
            continue
        complete = False
        kinds = ", ".join(f"{count} {kind}" for kind, count in usage.unanswered.items())
        partial = usage.partial
        scored = f"evaluated on {partial.answered} of {partial.sentences} sentences; " if partial else ""
        stderr.print(f"{name}: {scored}without an answer: {kinds}; run the same command again to ask for the rest")
    return complete


def _declined(fields: Sequence[str]) -> str:
    return f"the endpoint does not accept {' or '.join(fields)}; the requests were sent without"


def execute_recipe(recipe: Recipe, out: Path, *, overwrite: bool, cache: SplitCache | None = None) -> Record:
    """Execute a recipe, on data that ``cache`` may have, and print if there was nothing to do."""
    from coner.core.progress import stderr
    from coner.records.record import RECORD
    from coner.runs.execute import execute

    finished = (out / RECORD).exists() and not overwrite and not recipe.rebuild
    record = execute(recipe, out, overwrite=overwrite, cache=cache)
    if finished:
        stderr.print(f"{out}: this run is already finished; --overwrite repeats it")
    return record


def run_recipe(recipe: Recipe, out: Path, *, overwrite: bool, as_json: bool, cache: SplitCache | None = None) -> None:
    """Execute a recipe, on data that ``cache`` may have, and print its outcome; exit code 3 if an answer is missing."""
    record = execute_recipe(recipe, out, overwrite=overwrite, cache=cache)
    complete = report_record(record, out)
    if as_json:
        typer.echo(json.dumps(record.as_dict()["scores"], ensure_ascii=False))
    if not complete:
        raise typer.Exit(INCOMPLETE)


def print_before_after(report: BeforeAfter, *, names: tuple[str, str]) -> None:
    """Print the figures of two models, with these names, as a table."""
    from coner.report.grid import Grid, print_whole

    rows = [
        (
            f"{name}: {model.what}",
            f"{model.sentences_per_second:.0f}",
            f"{model.bytes / 1e6:.1f}",
            f"{model.micro_f1:.4f}",
            f"{model.macro_f1:.4f}",
        )
        for name, model in zip(names, (report.before, report.after), strict=True)
    ]
    how = (
        f"F1 on {report.file}, {counted(report.sentences, 'sentence')}; speed on {report.timed} of them, "
        f"median of {report.rounds} alternating rounds, {counted(report.threads, 'thread')}"
    )
    print_whole(how, Grid(("", "sentences/s", "MB", "micro F1", "macro F1"), rows).table())
