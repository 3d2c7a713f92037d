"""``coner data``: statistics, splits, noise and the official files of a data set."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from coner.cli.augment import augment
from coner.cli.label_map import label_map
from coner.cli.options import FormatToSplit, HiddenFormat, InputFormat, JsonOutput, reads
from coner.cli.outcome import report_corpus
from coner.core.counted import counted
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.data.stats import FileStats

app = typer.Typer(no_args_is_help=True, help="Statistics, splits, noise and the official files of a data set.")
SHOWN = 5  # lines of a fault, surfaces, ids; --json has all
LENGTHS = "mean {mean:.1f}, median {median}, 95 % up to {p95}, longest {longest}"
ROWS = {  # of the table of counts
    "sentences": "sentences",
    "unlabelled": "without labels",
    "without_mention": "without a mention",
    "words": "words",
    "sentence_words": "words per sentence",
    "mentions": "mentions",
    "mention_words": "words per mention",
    "touching": "adjacent to a mention of the same class",
    "repeated_texts": "repeated texts",
    "repeats": "repeats of a text",
}


def _print_json(values: Any) -> None:
    typer.echo(json.dumps(values, ensure_ascii=False, indent=2))


@app.command()
@reads
def noise(
    file: Annotated[Path, typer.Argument(help="CoNLL or JSONL, also .gz.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The noisy copy, in the same format.")],
    rate: Annotated[float, typer.Option(help="Fraction of the sentences that get typos, from 0 to 1.")] = 0.3,
    where: Annotated[
        Literal["context", "mentions", "both"], typer.Option(help="Typos in mentions, in the other words, or in both.")
    ] = "both",
    words: Annotated[float, typer.Option(help="Noisy words per noisy sentence: a fraction below 1, or 1 to N.")] = 2,
    layout: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="qwerty, qwertz, azerty, or a TOML file.")
    ] = "qwerty",
    seed: Annotated[int, typer.Option(help="The same seed gives the same noise on any machine.")] = 1,
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Copy a file with keyboard typos in some words; everything else stays the same, byte for byte.

    Examples:

      coner data noise dev.conll -o dev.noisy.conll

      coner data noise train.conll -o noisy.conll --rate 0.5 --where context --words 0.2 --layout qwertz
    """
    from coner.core.files import sha256
    from coner.core.progress import stderr
    from coner.data.noise import Noise, load_keyboard
    from coner.data.noisy_file import write_noisy

    typos = Noise(load_keyboard(layout), rate=rate, where=where, words=words, seed=seed)
    format = from_alias or from_format
    counts = write_noisy(file, out, typos, format=format, **reading)
    if counts["repaired"] or counts["skipped"]:
        stderr.print("{repaired} faults to repair and {skipped} to skip are in the copy too".format(**counts))
    if as_json:
        settings = {"rate": rate, "where": where, "words_a_sentence": words, "layout": layout, "seed": seed}
        _print_json({"source": str(file), "file": str(out), "sha256": sha256(out), **settings, **counts})
    else:
        types = ", ".join(f"{count:,} {type}" for type, count in counts["kinds"].items())
        total = f"{sum(counts['kinds'].values()):,} of {counts['words']:,} words"
        inside = "" if counts["in_mentions"] is None else ", {in_mentions:,} of them in mentions".format(**counts)
        spared = "; {spared:,} more have no suitable word".format(**counts) if counts["spared"] else ""
        sentences = "{noisy:,} of {sentences:,} sentences noisy".format(**counts)
        typer.echo(f"{out}  {sentences}, {total}{inside} ({types}){spared}")


@app.command()
@reads
def stats(
    file: Annotated[str, typer.Argument(help="File or folder of any format; - is standard input.")],
    *,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Count mentions that are not in this file.")
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="Report labels outside of it.")] = None,
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Show counts, lengths, classes, repeats and ambiguous surfaces of a file, and every fault with its lines.

    Examples:

      coner data stats train.conll --taxonomy multiconer2

      coner data stats dev.conll --against train.conll --json
    """
    from coner.core.progress import stderr
    from coner.data.stats import describe_file

    reading["repair"] = True
    format = from_alias or from_format
    found = describe_file(file, against=against, taxonomy=taxonomy, format=format, **reading)
    if found.faults_against:
        stderr.print(f"{against}: repaired or skipped: {found.faults_against}; coner data stats {against} lists them")
    if as_json:
        _print_json({"file": file, **found.as_dict()})
    else:
        for line in found.notes:
            stderr.print(f"{file}: {line}")
        _show(file, found, against)


def _show(file: str, found: FileStats, against: Path | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from coner.report.grid import print_whole

    counts, faults = found.counts, found.faults
    table = Table(title=file, show_header=False, title_justify="left")
    for key, name in ROWS.items():
        table.add_row(name, f"{counts[key]:,}" if isinstance(counts[key], int) else LENGTHS.format(**counts[key]))
    if against is not None:
        rate = "" if counts["unseen_rate"] is None else f" ({100 * counts['unseen_rate']:.1f} %)"
        table.add_row(f"unseen in {against.name}", f"{counted(counts['unseen'], 'mention')}{rate}")
    print_whole(table)
    if counts["classes"]:
        classes = Table("class", "mentions", "share")
        for label, count in counts["classes"].items():
            classes.add_row(label, f"{count:,}", f"{100 * count / counts['mentions']:.1f} %")
        print_whole(classes)
    ids = [f"{id}: {count} times" for id, count in counts["repeated_ids"].items()]
    several = {text: ", ".join(f"{label} {n}" for label, n in of.items()) for text, of in counts["ambiguous"].items()}
    surfaces, messages = [f"{text}: {labels}" for text, labels in several.items()], []
    for message, lines in faults.items():
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        numbers = " ".join([", ".join(map(str, lines[:SHOWN])), *more])
        messages.append(f"{len(lines):,} x {message}: {found.unit}{'s' * (len(lines) > 1)} {numbers}")
    for title, items in (
        (f"{counted(len(ids), 'id')} used more than once", ids),
        (f"{counted(len(surfaces), 'surface')} with several labels", surfaces),
        (counted(sum(map(len, faults.values())), "fault"), messages),
    ):
        print_whole(Text(title, style="bold"))
        rest = [f"... and {len(items) - SHOWN:,} more: --json has them all"] if len(items) > SHOWN else []
        for line in items[:SHOWN] + rest:
            print_whole("  " + line)


@app.command()
@reads
def split(
    file: Annotated[str, typer.Argument(help="CoNLL, JSONL (also .gz), or any other format with labels.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the splits; is created if it does not exist.")],
    dev: Annotated[float, typer.Option(help="Fraction of the sentences for dev; 0: no dev split.")] = 0.1,
    test: Annotated[float, typer.Option(help="Fraction of the sentences for test; 0: no test split.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same split on any machine.")] = 1,
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    to: Annotated[FormatToSplit, typer.Option("--to", help="Format; auto: CoNLL for CoNLL, else JSONL.")] = "auto",
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Split a file into train, dev and test, stratified by class, in their order, with equal texts in the same split.

    Examples:

      coner data split data/en_train.conll --dev 0.1 --test 0.1 --seed 1 --out data/
    """
    from coner.data.derived import split_file

    format = from_alias or from_format
    corpus, files = split_file(file, out, dev=dev, test=test, seed=seed, format=format, to=to, **reading)
    report_corpus(corpus, file)
    if as_json:  # "parts" is a former name of "splits"
        faults = {"repaired": corpus.repaired, "skipped": corpus.skipped}
        splits = {name: {**asdict(written), "file": str(written.file)} for name, written in files.items()}
        _print_json({"source": file, "seed": seed, **faults, "splits": splits, "parts": splits})
    else:
        for written in files.values():
            counts = f"{written.sentences:,} sentences  {written.mentions:,} mentions"
            typer.echo(f"{written.file}  {counts}  sha256 {written.sha256}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Data set: multiconer2.")],
    *,
    language: Annotated[str, typer.Option(help="bn, de, en, es, fa, fr, hi, it, pt, sv, uk, zh or multi.")] = "en",
    out: Annotated[Path, typer.Option(help="Folder for the files; is created if it does not exist.")] = Path("data"),
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", metavar="SPLIT", help="train, dev or test; can be repeated. Default: all."),
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
        _print_json([{"file": str(f.path), "bytes": f.size, "sha256": f.sha256, "checked": f.checked} for f in fetched])
    else:
        for file in fetched:
            by = "the published hashes" if file.checked == "manifest" else "the hub's listing"
            typer.echo(f"{file.path}  {file.size:,} bytes  sha256 {file.sha256}  checked against {by}")
    source = fetching.SOURCES[name]
    stderr.print(f"{source.repo}: licence {source.licence}; cite {source.cite}")


app.command()(augment)
app.command("map")(label_map)
