"""``coner data``: look into data files, split them, fetch the official ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from coner.data.stats import Stats

app = typer.Typer(no_args_is_help=True, help="Look into data files, split them, fetch the official ones.")

SchemeOption = Annotated[
    Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in CoNLL; never guessed.")
]
KindOption = Annotated[
    Literal["auto", "conll", "jsonl", "text", "brat", "labelstudio", "spacy", "datasets"],
    typer.Option("--format", help="auto: by the name, then the content."),
]
CommentOption = Annotated[
    str | None, typer.Option(metavar="MARK", help="Lines that begin with it are headers too, beside '# id '.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object.")]
SHOWN = 5  # lines of a fault, surfaces, ids: the rest is in --json


@app.command()
def stats(
    file: Annotated[
        str, typer.Argument(help="CoNLL, JSONL, text (also .gz), or what coner convert reads; - is stdin.")
    ],
    *,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="How many mentions are unseen there (a training file).")
    ] = None,
    taxonomy: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Labels that it does not know are faults.")
    ] = None,
    scheme: SchemeOption = "iob2",
    kind: KindOption = "auto",
    comment: CommentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a file: counts, lengths, classes, repeats, contradictions, and every fault with its lines.

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
            stderr.print(f"{against}: {len(faults)} faults mended; coner data stats {against} lists them")
            faults.clear()
    reader = stream(file, scheme=scheme, format=kind, comment=comment, repair=True, on_fault=note)
    found = describe(reader if known is None else watch_labels(reader, known, note), seen=seen)
    grouped = group_faults(faults)
    if as_json:
        values = {"file": file, **found.as_dict(), "fault_count": len(faults), "faults": grouped}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        _show(file, found, None if against is None else str(against), grouped, reader.unit)


def _show(file: str, found: Stats, against: str | None, faults: dict[str, list[int]], unit: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=escape(file), show_header=False, title_justify="left")
    for name, value in _rows(found, against):
        table.add_row(escape(name), value)
    console.print(table)
    if found.classes:
        classes = Table("class", "mentions", "share")
        for label, count in found.classes.items():
            classes.add_row(escape(label), f"{count:,}", f"{100 * count / found.mentions:.1f} %")
        console.print(classes)

    def tell(count: int, what: str, items: list[str]) -> None:
        console.print(f"{count:,} {what}", style="bold", markup=False)
        more = [f"... and {len(items) - SHOWN:,} more: --json has them all"] if len(items) > SHOWN else []
        for line in items[:SHOWN] + more:
            console.print("  " + line, markup=False, soft_wrap=True)

    tell(len(found.repeated_ids), "ids used twice", [f"{name}: {n} times" for name, n in found.repeated_ids.items()])
    surfaces = [f"{s}: {', '.join(f'{k} {n}' for k, n in labels.items())}" for s, labels in found.ambiguous.items()]
    tell(len(found.ambiguous), "surfaces with several labels", surfaces)
    tell(sum(map(len, faults.values())), "faults", [_fault(message, lines, unit) for message, lines in faults.items()])


def _fault(message: str, lines: list[int], unit: str) -> str:
    more = f" and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
    return f"{len(lines):,} x {message}: {unit}{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:SHOWN]))}{more}"


def _rows(found: Stats, against: str | None) -> list[tuple[str, str]]:
    sentence, mention = found.sentence_words, found.mention_words
    rows = [
        ("sentences", f"{found.sentences:,}"),
        ("without labels", f"{found.unlabelled:,}"),
        ("without a mention", f"{found.without_mention:,}"),
        ("words", f"{found.words:,}"),
        ("words a sentence", f"mean {sentence.mean:.1f}, median {sentence.median}, 95 % up to {sentence.p95}"),
        ("longest sentence", f"{sentence.longest:,} words"),
        ("mentions", f"{found.mentions:,}"),
        ("words a mention", f"mean {mention.mean:.1f}, 95 % up to {mention.p95}, longest {mention.longest}"),
        ("touch one of their class", f"{found.touching:,} mentions"),
        ("repeated texts", f"{found.repeated_texts:,} ({found.repeats:,} repeats)"),
    ]
    if against is not None:
        rate = "" if found.unseen_rate is None else f" ({100 * found.unseen_rate:.1f} %)"
        rows.append((f"unseen in {Path(against).name}", f"{found.unseen or 0:,} mentions{rate}"))
    return rows


@app.command()
def split(
    file: Annotated[str, typer.Argument(help="CoNLL or JSONL, also .gz.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for train, dev and test; made where it does not exist.")],
    dev: Annotated[float, typer.Option(help="Share of the sentences; 0: no such part.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the sentences; 0: no such part.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another seed is another split; the same one is the same anywhere.")] = 1,
    scheme: SchemeOption = "iob2",
    kind: KindOption = "auto",
    comment: CommentOption = None,
    repair: Annotated[bool, typer.Option(help="Mend what can be mended, and count it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Split a file into train, dev and test: every class in proportion, repeated texts in one part, the order kept.

    Examples:

      coner data split data/en_train.conll --dev 0.1 --test 0.1 --seed 1 --out data/
    """
    from coner.core.files import sha256
    from coner.core.progress import stderr
    from coner.data import read
    from coner.data import split as splitting

    corpus = read(file, scheme=scheme, format=kind, comment=comment, repair=repair)
    parts = splitting.split_corpus(corpus, dev=dev, test=test, seed=seed)
    written = splitting.write_split(parts, out, corpus.layout, scheme, corpus.path)
    values: dict[str, Any] = {
        part: {
            "file": str(path),
            "sentences": len(parts[part]),
            "mentions": sum(len(sentence.entities or ()) for sentence in parts[part]),
            "sha256": sha256(path),
        }
        for part, path in written.items()
    }
    if corpus.repaired or corpus.skipped:
        stderr.print(f"{corpus.repaired} mended, {corpus.skipped} left out")
    if as_json:
        values = {"source": file, "seed": seed, "repaired": corpus.repaired, "skipped": corpus.skipped, "parts": values}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    for part in values.values():
        typer.echo("{file}  {sentences:,} sentences  {mentions:,} mentions  sha256 {sha256}".format(**part))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Data set: multiconer2.")],
    *,
    language: Annotated[str, typer.Option(help="bn, de, en, es, fa, fr, hi, it, pt, sv, uk, zh or multi.")] = "en",
    out: Annotated[Path, typer.Option(help="Folder for the files; made where it does not exist.")] = Path("data"),
    parts: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="train, dev or test; may be given again. All, if not given."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Get the official files of a data set from the Hugging Face hub, and check their sizes and hashes.

    Examples:

      coner data fetch multiconer2 --language en --parts train --parts dev --out data/
    """
    from coner.core.progress import stderr
    from coner.data import fetch as fetching

    got = fetching.fetch(name, language=language, out=out, parts=parts or fetching.PARTS)
    if as_json:
        values = [
            {"file": str(item.path), "bytes": item.size, "sha256": item.sha256, "checked": item.checked} for item in got
        ]
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        for item in got:
            by = "a manifest of 2023" if item.checked == "manifest" else "the hub's listing"
            typer.echo(f"{item.path}  {item.size:,} bytes  sha256 {item.sha256}  checked against {by}")
    source = fetching.SOURCES[name]
    stderr.print(f"{source.repo}: licence {source.licence}; cite {source.cite}")
