"""``coner audit``: find annotation errors in labelled data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.options import JsonOutput, Overrides, reads
from coner.core.counted import counted
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.runs.audit.audit import Audit
    from coner.runs.audit.candidates import AuditCandidate

SHOWN = 10  # candidates that are shown on the terminal
MAX_WIDTH = 40  # characters of words in a line


@reads
def audit(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled sentences, of any format.")],
    *,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Web page of the candidates, or tasks to label again; can be repeated."
        ),
    ] = None,
    to: Annotated[
        Literal["auto", "html", "labelstudio"],
        typer.Option("--to", help="Format of the output; auto: labelstudio if its name ends in .json, else html."),
    ] = "auto",
    kind: Annotated[
        str, typer.Option("--family", metavar="KIND", help="Kind of the taggers; others are slower.")
    ] = "crf",
    folds: Annotated[int, typer.Option(min=2, metavar="K", help="Number of folds: each is one training.")] = 5,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Seed of folds and training; default 42.")
    ] = None,
    overrides: Overrides = None,
    tasks: Annotated[Path | None, typer.Option("--tasks", hidden=True)] = None,  # now --out, with --to labelstudio
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Candidates on the page, and in tasks.")] = 1000,
    work: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder that keeps the folds; default: OUT.folds.")
    ] = None,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Find annotations that are probably wrong: wrong class, wrong boundary, missing, spurious.

    The sentences are split into folds by text. Each fold is tagged by a tagger trained on the others, and its
    annotation is compared with the probabilities of that tagger. A candidate is a span that may be wrong; the less
    probable its annotation, the higher its score, from 0 to 1. Above 0.9 it is suspicious. Check each one: many are
    hard cases with a correct annotation.

    The page shows the candidates in context, grouped by their words. --json prints all candidates, also those that
    are not suspicious. Label Studio tasks are the suspicious sentences, to be annotated again: the present labels
    are the annotation, those of the folds the prediction.

    By default the taggers are CRFs with few features: K are trained, and these are the fastest.

    Progress is saved: run the same command again to resume with the next fold.

    Examples:

      coner audit train.conll -o audit.html

      coner audit train.conll --family encoder --folds 10 -o audit.html -o again.json

      coner audit train.conll --work folds --json > candidates.json
    """
    from coner.config.load import apply_overrides
    from coner.core.errors import ConfigError
    from coner.core.files import destination
    from coner.core.progress import Log, stderr
    from coner.data.files import keep_apart
    from coner.runs.audit.audit import audit_file

    outputs = _outputs(out or [], to, tasks)
    if work is None and not outputs:
        raise ConfigError("--out: not set. Fix: name a page with --out, or the folder of the folds with --work")
    if seed is not None and any(text.partition("=")[0].strip() == "seed" for text in overrides or ()):
        raise ConfigError("--seed: seed is set by --set too; expected one of the two")
    for path in outputs:
        destination(path)  # fails now, not after an hour
    keep_apart(data, *outputs)
    folder = work or (first := next(iter(outputs))).with_name(f"{first.name}.folds")
    seeded = {} if seed is None else {"seed": seed}
    values = apply_overrides({"data": dict(reading), **seeded}, overrides or ())
    with Log() as log:
        found = audit_file(data, values, kind=kind, folds=folds, work=folder, log=log)
    shown = found.suspicious[:limit]
    for path, form in outputs.items():
        stderr.print(f"{path}: {WRITERS[form](found, shown, path)}")
    stderr.print(f"{folder}: the folds, which the same command reuses; delete it when you are done")
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        _print(found, shown[:SHOWN])


def _outputs(out: Sequence[Path], to: str, tasks: Path | None) -> dict[Path, str]:
    """The formats of the files to write, by path."""
    from coner.core.errors import ConfigError

    named = [(path, _format_of(path) if to == "auto" else to) for path in out]
    named += [] if tasks is None else [(tasks, "labelstudio")]
    places = [path.absolute() for path, _ in named]
    for path, _ in named:
        if places.count(path.absolute()) > 1:
            raise ConfigError(f"--out: got {path} twice; expected different files")
    return dict(named)


def _format_of(path: Path) -> str:
    return "labelstudio" if path.suffix.lower() == ".json" else "html"


def _write_page(found: Audit, shown: Sequence[AuditCandidate], path: Path) -> str:
    from coner.report.audit import write_audit_page

    write_audit_page(found, shown, path)
    return f"{len(shown):,} of {len(found.suspicious):,} suspicious candidates"


def _write_tasks(found: Audit, shown: Sequence[AuditCandidate], path: Path) -> str:
    from coner.runs.audit.audit import write_tasks

    return counted(write_tasks(found, shown, path), "task")


WRITERS: dict[str, Callable[[Audit, Sequence[AuditCandidate], Path], str]] = {
    "html": _write_page,
    "labelstudio": _write_tasks,
}


def _print(found: Audit, first: list[AuditCandidate]) -> None:
    from coner.report.grid import Grid, print_whole

    counts = ", ".join(f"{count:,} {error}" for error, count in found.counts.items())
    sizes = f"{counted(len(found.corpus), 'sentence')}, {counted(found.mentions, 'mention')}"
    typer.echo(f"{found.corpus.path}: {sizes}; suspicious: {counts}")
    if found.left_out:
        typer.echo(f"left out: {counted(found.left_out, 'mention')} of classes that no other fold has")
    if first:
        heading = ("score", "line", "kind", "words", "annotated", "suggested")
        print_whole(Grid(heading, [_row(found, candidate) for candidate in first]).table())


def _row(found: Audit, candidate: AuditCandidate) -> tuple[str, ...]:
    sentence, (start, end) = found.corpus[candidate.sentence], candidate.span
    words, suggested = " ".join(sentence.words[start:end]), candidate.suggested
    better = "no mention"
    if suggested is not None:
        other = f"{_short(sentence.surface(suggested))} " if candidate.error == "boundary" else ""
        better = f"{other}{suggested.label} {suggested.score:.2f}"
    gold = candidate.gold.label if candidate.gold else "no mention"
    line = f"{found.line(candidate.sentence, start)}"
    return f"{candidate.score:.2f}", line, candidate.error, _short(words), gold, better


def _short(text: str) -> str:
    """Text for one cell of a terminal: without control characters, and cut."""
    clean = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return clean if len(clean) <= MAX_WIDTH else clean[: MAX_WIDTH - 1] + "…"
