"""``coner suggest``: which sentences to label next."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coner.cli import options
from coner.core.counted import counted
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from rich.text import Text

    from coner.tagging.suggestion.suggest import Suggestion, SuggestionCounts

SHOWN = 10  # suggestions in the table; --json has all


@options.reads
def suggest(
    model: Annotated[Path, options.model_argument("Folder of a trained model, or hf://user/name.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Sentences without labels: text, or any format that coner convert reads (labels are ignored); - is "
            "standard input, text unless --from says otherwise.",
        ),
    ],
    number: Annotated[int, typer.Option("--number", "-n", min=1, metavar="N", help="Sentences to suggest.")] = 100,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File of tasks to write; default: only show the first ten.")
    ] = None,
    *,
    to: Annotated[
        options.FormatToWrite, typer.Option("--to", help="Format of the tasks, such as labelstudio; auto: by its name.")
    ] = "auto",
    from_format: options.InputFormat = "auto",
    known: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Labelled data, whose sentences are left out; can be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides between equally uncertain sentences.")] = 42,
    kb: options.ModelKnowledge = None,
    as_json: options.JsonOutput = False,
    reading: Reading,
) -> None:
    """Choose the sentences that are most worth labelling next, and write them as tasks with predicted entities.

    A sentence is worth labelling if the model expects many errors per word (the sum of min(p, 1 - p) over all spans
    that are a mention with probability p, divided by the number of words plus 10), and if it is unlike the sentences
    chosen before it. Near-duplicates, repeated sentences and those of --known are left out, and counted.

    The input is read once. Memory holds the 10 N most uncertain sentences (at least 1,000), and about 70 bytes for each
    different one, to know repeated ones: a million sentences take about 70 MB.

    The tasks are sorted by worth. Label Studio gets the entities as predictions. Worth and uncertainty are
    in the key `meta` of Label Studio, doccano and JSONL, and in the header of a sentence in CoNLL.

    Examples:

      coner suggest runs/crf unlabelled.txt --known train.conll -n 100 -o tasks.json --to labelstudio

      coner suggest runs/crf corpus.jsonl -n 50 -o tasks.jsonl --to doccano

      zcat corpus.txt.gz | coner suggest runs/crf - -n 20
    """
    from coner.core.progress import stderr
    from coner.data.files import keep_apart, output_format
    from coner.tagging.suggestion.file import suggest_file, write_tasks
    from coner.tagging.suggestion.uncertainty import load_with_probabilities

    form = None if out is None else output_format(out, to)
    for file in (source, *(known or ())):
        keep_apart(file, *([] if out is None else [out]))
    chosen_from: Any = {"known": known or (), "seed": seed, "format": from_format, **reading}
    found = suggest_file(load_with_probabilities(model, kb), source, number, **chosen_from)
    if out is not None and form is not None:
        write_tasks(found.chosen, out, form)
    if as_json:
        facts = {"input": source, "model": str(model), "output": None if out is None else str(out), "format": form}
        typer.echo(json.dumps({**facts, **_report(found.chosen, found.counts)}, ensure_ascii=False))
        return
    _show(found.chosen[:SHOWN])
    stderr.print(_summary(len(found.chosen), number, found.counts))
    if out is not None:
        stderr.print(f"{out}: {counted(len(found.chosen), 'task')} ({form})")


def _report(chosen: tuple[Suggestion, ...], counts: SuggestionCounts) -> dict[str, Any]:
    from coner.data.formats.jsonl import to_json
    from coner.data.reading.words import entity_objects

    suggestions = [
        {
            "line": one.sentence.line,
            **one.meta,
            **to_json(one.sentence),
            "doubtful": entity_objects(replace(one.sentence, entities=one.doubtful)),
        }
        for one in chosen
    ]
    left_out = {"known": counts.known, "repeated": counts.repeated, "similar": counts.similar}
    read = {"sentences": counts.sentences, "words": counts.words}
    return {**read, "left_out": left_out, "suggestions": suggestions}


def _summary(found: int, wanted: int, counts: SuggestionCounts) -> str:
    titled = {"known": counts.known, "repeated": counts.repeated, "near-duplicates of a suggestion": counts.similar}
    left_out = ", ".join(f"{count:,} {what}" for what, count in titled.items() if count)
    line = f"{found:,} of {counts.sentences:,} sentences" + f"; left out: {left_out}" * bool(left_out)
    return line + f"; fewer than {wanted:,}, because no others are left" * (found < wanted)


def _show(chosen: tuple[Suggestion, ...]) -> None:
    from rich import box
    from rich.table import Table

    from coner.core.progress import PlainConsole

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("", "worth", "uncertainty"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("sentence, with [doubtful mention|label probability]", overflow="fold")
    for rank, one in enumerate(chosen, 1):
        table.add_row(str(rank), f"{one.worth:.3f}", f"{one.uncertainty:.3f}", _marked(one))
    PlainConsole().print(table)


def _marked(one: Suggestion) -> Text:
    """The words of a sentence, its doubtful spans in brackets with label and probability."""
    from rich.text import Text

    text, at = Text(), 0
    for span in one.doubtful:
        text.append(" ".join([*one.sentence.words[at : span.start], ""]))
        text.append(f"[{one.sentence.surface(span)}|{span.label} {span.score:.2f}]", style="bold")
        text.append(" " * (span.end < len(one.sentence)))
        at = span.end
    return text.append(" ".join(one.sentence.words[at:]))
