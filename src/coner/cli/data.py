"""``coner data``: statistics, splits, noise and the official files of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coner.cli.noise import noise
from coner.cli.options import Comment, FormatToSplit, HiddenFormat, InputFormat, JsonOutput, Repair, Scheme

if TYPE_CHECKING:
    from coner.data.stats import Stats

app = typer.Typer(no_args_is_help=True, help="Statistics, splits, noise and the official files of a data set.")
app.command()(noise)

SHOWN = 5  # lines of a fault, surfaces, ids; --json has all


@app.command()
def stats(
    file: Annotated[
        str, typer.Argument(help="CoNLL, JSONL, text (also .gz), or any other format; - is standard input.")
    ],
    *,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Count mentions that are unseen in this (training) file.")
    ] = None,
    taxonomy: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Report labels that are not in it as faults.")
    ] = None,
    scheme: Scheme = "iob2",
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    comment: Comment = None,
    as_json: JsonOutput = False,
) -> None:
    """Show counts, lengths, classes, repeats and ambiguous surfaces of a file, and every fault with its lines.

    Examples:

      coner data stats train.conll --taxonomy multiconer2

      coner data stats dev.conll --against train.conll --json
    """
    from coner.core.progress import stderr
    from coner.core.types import surfaces
    from coner.data import stream
    from coner.data.stats import describe, group_faults, watch_labels
    from coner.data.taxonomy import load_taxonomy

    known = None if taxonomy is None else load_taxonomy(taxonomy).labels
    faults: list[tuple[int, str]] = []

    def note(line: int, message: str) -> None:
        faults.append((line, message))

    seen = None
    if against is not None:
        seen = surfaces(stream(against, scheme=scheme, comment=comment, gold=True, repair=True, on_fault=note))
        if faults:
            stderr.print(f"{against}: {len(faults)} faults repaired or skipped; coner data stats {against} lists them")
            faults.clear()
    reader = stream(file, scheme=scheme, format=from_alias or from_format, comment=comment, repair=True, on_fault=note)
    statistics = describe(reader if known is None else watch_labels(reader, known, note), seen=seen)
    grouped = group_faults(faults)
    if as_json:
        values = {"file": file, **statistics.as_dict(), "fault_count": len(faults), "faults": grouped}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        _show(file, statistics, against, grouped, reader.unit)


def _show(file: str, stats: Stats, against: Path | None, faults: dict[str, list[int]], unit: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=escape(file), show_header=False, title_justify="left")
    for name, value in _rows(stats, against).items():
        table.add_row(escape(name), value)
    console.print(table)
    if stats.classes:
        classes = Table("class", "mentions", "share")
        for label, count in stats.classes.items():
            classes.add_row(escape(label), f"{count:,}", f"{100 * count / stats.mentions:.1f} %")
        console.print(classes)
    ids = [f"{id}: {n} times" for id, n in stats.repeated_ids.items()]
    surfaces = [f"{s}: {', '.join(f'{k} {n}' for k, n in labels.items())}" for s, labels in stats.ambiguous.items()]
    messages = [_fault(message, lines, unit) for message, lines in faults.items()]
    for count, what, items in (
        (len(ids), "ids used more than once", ids),
        (len(surfaces), "surfaces with several labels", surfaces),
        (sum(map(len, faults.values())), "faults", messages),
    ):
        console.print(f"{count:,} {what}", style="bold", markup=False)
        more = [f"... and {len(items) - SHOWN:,} more: --json has them all"] if len(items) > SHOWN else []
        for line in items[:SHOWN] + more:
            console.print("  " + line, markup=False, soft_wrap=True)


def _fault(message: str, lines: list[int], unit: str) -> str:
    more = f" and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
    return f"{len(lines):,} x {message}: {unit}{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:SHOWN]))}{more}"


def _rows(stats: Stats, against: Path | None) -> dict[str, str]:
    sentence, mention = stats.sentence_words, stats.mention_words
    rows = {
        "sentences": f"{stats.sentences:,}",
        "without labels": f"{stats.unlabelled:,}",
        "without a mention": f"{stats.without_mention:,}",
        "words": f"{stats.words:,}",
        "words per sentence": f"mean {sentence.mean:.1f}, median {sentence.median}, 95 % up to {sentence.p95}",
        "longest sentence": f"{sentence.longest:,} words",
        "mentions": f"{stats.mentions:,}",
        "words per mention": f"mean {mention.mean:.1f}, 95 % up to {mention.p95}, longest {mention.longest}",
        "next to a mention of their class": f"{stats.touching:,} mentions",
        "repeated texts": f"{stats.repeated_texts:,} ({stats.repeats:,} repeats)",
    }
    if against is not None:
        rate = "" if stats.unseen_rate is None else f" ({100 * stats.unseen_rate:.1f} %)"
        rows[f"unseen in {against.name}"] = f"{stats.unseen or 0:,} mentions{rate}"
    return rows


@app.command()
def split(
    file: Annotated[str, typer.Argument(help="CoNLL, JSONL (also .gz), or any other format with labels.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the splits; is created if it does not exist.")],
    dev: Annotated[float, typer.Option(help="Fraction of the sentences for dev; 0: no dev split.")] = 0.1,
    test: Annotated[float, typer.Option(help="Fraction of the sentences for test; 0: no test split.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same split on any machine.")] = 1,
    scheme: Scheme = "iob2",
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    comment: Comment = None,
    to: Annotated[
        FormatToSplit, typer.Option("--to", help="Format of the splits; auto: CoNLL for CoNLL, else JSONL.")
    ] = "auto",
    repair: Repair = False,
    as_json: JsonOutput = False,
) -> None:
    """Split a file into train, dev and test: every class in proportion, equal texts in one split, the order kept.

    Examples:

      coner data split data/en_train.conll --dev 0.1 --test 0.1 --seed 1 --out data/
    """
    from coner.core.files import sha256
    from coner.core.progress import stderr
    from coner.data import read
    from coner.data.formats import WriteOptions
    from coner.data.stratify import split_corpus, write_splits

    corpus = read(file, scheme=scheme, format=from_alias or from_format, comment=comment, repair=repair)
    splits = split_corpus(corpus, dev=dev, test=test, seed=seed)
    format = to if to != "auto" else "conll" if corpus.layout else "jsonl"
    options = WriteOptions(corpus.layout, "iob2" if scheme == "iob1" else scheme)
    files = write_splits(splits, out, format, options, source=corpus.path)
    values: dict[str, Any] = {
        name: {
            "file": str(path),
            "sentences": len(splits[name]),
            "mentions": sum(len(sentence.entities or ()) for sentence in splits[name]),
            "sha256": sha256(path),
        }
        for name, path in files.items()
    }
    if corpus.repaired or corpus.skipped:
        stderr.print(f"{corpus.repaired} repaired, {corpus.skipped} left out")
    if as_json:
        counts = {"source": file, "seed": seed, "repaired": corpus.repaired, "skipped": corpus.skipped}
        old_name = {"parts": values}  # of "splits"
        typer.echo(json.dumps({**counts, "splits": values, **old_name}, ensure_ascii=False, indent=2))
        return
    for split in values.values():
        typer.echo("{file}  {sentences:,} sentences  {mentions:,} mentions  sha256 {sha256}".format(**split))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Data set: multiconer2.")],
    *,
    language: Annotated[str, typer.Option(help="bn, de, en, es, fa, fr, hi, it, pt, sv, uk, zh or multi.")] = "en",
    out: Annotated[Path, typer.Option(help="Folder for the files; is created if it does not exist.")] = Path("data"),
    splits: Annotated[
        list[str] | None, typer.Option("--split", metavar="SPLIT", help="train, dev or test; repeatable. Default: all.")
    ] = None,
    splits_alias: Annotated[list[str] | None, typer.Option("--parts", hidden=True)] = None,
    as_json: JsonOutput = False,
) -> None:
    """Download the official files of a data set from the Hugging Face hub, and check their sizes and hashes.

    Examples:

      coner data fetch multiconer2 --language en --split train --split dev --out data/
    """
    from coner.core.progress import stderr
    from coner.data import fetch as fetching
    from coner.data.stratify import SPLITS

    chosen = [*(splits or ()), *(splits_alias or ())] or SPLITS
    fetched = fetching.fetch(name, language=language, out=out, splits=chosen)
    if as_json:
        values = [{"file": str(f.path), "bytes": f.size, "sha256": f.sha256, "checked": f.checked} for f in fetched]
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        for file in fetched:
            by = "a manifest of 2023" if file.checked == "manifest" else "the hub's listing"
            typer.echo(f"{file.path}  {file.size:,} bytes  sha256 {file.sha256}  checked against {by}")
    source = fetching.SOURCES[name]
    stderr.print(f"{source.repo}: licence {source.licence}; cite {source.cite}")
