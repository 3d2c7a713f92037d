"""``coner kb``: knowledge bases of names with types."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from coner.cli.options import InputFormat, JsonOutput, reads
from coner.core.counted import counted
from coner.data.reading.reader import Reading
from coner.knowledge.source import sources

if TYPE_CHECKING:
    from coner.knowledge.description import Description

    SourceKind = str
else:
    SourceKind = Literal["auto", *sources.names()]

app = typer.Typer(no_args_is_help=True, help="Knowledge bases: names with types, from tables, labelled data and dumps.")
Folder = Annotated[Path, typer.Argument(metavar="KB", help="Folder of a knowledge base.")]
Switch = Literal["fold", "keep"]


@app.command()
@reads
def build(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="Tables (CSV, TSV or JSONL with a column name), labelled data, a JSON dump of Wikidata, N-Triples of "
            "DBpedia; also .gz and .bz2.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the knowledge base.")],
    from_format: Annotated[
        SourceKind,
        typer.Option("--from", help="Kind of all sources; auto: recognised by name and first lines."),
    ] = "auto",
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Language of names in dumps; can be repeated. [en]"),
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Keep only things of this type; can be repeated.")
    ] = None,
    minimum_prior: Annotated[
        float, typer.Option("--min-prior", min=0, metavar="X", help="Leave out things with a lower prior.")
    ] = 0,
    licence: Annotated[str, typer.Option(help="Licence of the sources, for the record, such as CC0-1.0.")] = "",
    case: Annotated[Switch, typer.Option(help="fold: ignore upper and lower case; keep: distinguish it.")] = "fold",
    accents: Annotated[
        Literal["strip", "keep"], typer.Option(help="strip: ignore accents; keep: distinguish them.")
    ] = "strip",
    punctuation: Annotated[
        Literal["split", "keep"],
        typer.Option(help="split: it separates words, and is left out; keep: it belongs to them."),
    ] = "split",
    width: Annotated[
        Switch,
        typer.Option(help="fold: full-width and other forms of a letter are the letter; keep: distinguish them."),
    ] = "fold",
    processes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of processes that parse a dump; 0: one per core.")
    ] = 0,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Build a knowledge base from any mix of sources.

    A table has the columns name, and maybe aliases, types (several are separated by |), description, prior (how
    prominent it is) and id. Of labelled data the mentions are the names, and their labels the types.

    Progress is saved: run the same command again to resume.

    Examples:

      coner kb build glossary.csv train.conll --out kb/

      coner kb build wikidata.json.gz --language en --language de --min-prior 5 --licence CC0-1.0 --out kb/
    """
    from coner.core.errors import ConfigError
    from coner.core.progress import stderr
    from coner.knowledge.build import BuildSettings, build
    from coner.knowledge.normalisation import NormalisationSettings
    from coner.knowledge.source import SourceSettings

    if not minimum_prior < math.inf:
        raise ConfigError(f"--min-prior: got {minimum_prior}; expected a number from 0")
    kept, languages = tuple(types or ()), tuple(language or ("en",))
    source = SourceSettings(languages=languages, minimum_prior=minimum_prior, types=kept, reading=dict(reading))
    normalisation = NormalisationSettings(case=case, accents=accents, punctuation=punctuation, width=width)
    settings = BuildSettings(
        format=from_format, licence=licence, source=source, normalisation=normalisation, processes=processes
    )
    description = build(files, out, settings)
    for line in _left_out(description):
        stderr.print(line)
    _show(out, description, as_json=as_json)


@app.command()
@reads
def stats(
    kb: Folder,
    *,
    on: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled file, whose mentions are looked for."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Mentions that are not in it are unseen; default: those in one sentence of --on only."
        ),
    ] = None,
    from_format: InputFormat = "auto",
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Show what a knowledge base holds, and what it knows about a labelled file.

    A mention is in it if a name covers exactly its words. The class that a type stands for is learned on one half of
    the file and applied to the other, and vice versa.

    Examples:

      coner kb stats kb/

      coner kb stats kb/ --on dev.conll --train train.conll
    """
    from coner.core.types import surfaces
    from coner.data import read, stream
    from coner.knowledge.coverage import measure
    from coner.knowledge.folder import FolderKnowledge
    from coner.report.grid import print_whole
    from coner.report.knowledge import coverage_grid, matches_line

    knowledge = FolderKnowledge(kb, check=True)
    if on is None:
        _show(kb, knowledge.description, as_json=as_json)
        return
    seen = None if train is None else surfaces(stream(train, **reading, gold=True))
    coverage = measure(knowledge, read(on, format=from_format, **reading, gold=True).sentences, seen)
    if as_json:
        typer.echo(
            json.dumps({"kb": str(kb), "hash": knowledge.hash, **coverage.as_dict()}, ensure_ascii=False, indent=2)
        )
    else:
        print_whole(f"{on}, {counted(coverage.sentences, 'sentence')}", coverage_grid(coverage).table())
        print_whole(matches_line(coverage))


@app.command()
def lookup(
    kb: Folder,
    name: Annotated[str, typer.Argument(help="The name to look up; case and accents as the knowledge base has them.")],
    *,
    limit: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Maximum number of entries to show.")] = 20,
    as_json: JsonOutput = False,
) -> None:
    """Show the entries that have a name, the likeliest first; exit code 1 if there is none.

    Examples:

      coner kb lookup kb/ "miles davis"
    """
    from coner.core.progress import stderr
    from coner.knowledge.folder import FolderKnowledge
    from coner.report.grid import print_whole
    from coner.report.knowledge import candidates_grid

    found = FolderKnowledge(kb).lookup(name, limit)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
    elif found:
        print_whole(candidates_grid(found).table())
    else:
        stderr.print(f"{kb}: has no name {name!r}")
    if not found:
        raise typer.Exit(1)


@app.command()
def upload(
    kb: Folder,
    *,
    address: Annotated[str, typer.Option("--to", metavar="URL", help="Server, such as https://localhost:9200.")],
    index: Annotated[str, typer.Option(metavar="NAME", help="New index; an existing one is left alone.")],
    user: Annotated[
        str, typer.Option(metavar="NAME", help="User of the server; the password is in OPENSEARCH_PASSWORD.")
    ] = "",
) -> None:
    """Load a knowledge base into an index of an OpenSearch server, where several machines share it.

    Python reads it with coner.knowledge.opensearch.

    Examples:

      coner kb upload kb/ --to https://localhost:9200 --index names --user admin
    """
    import os

    from coner.core.progress import progress_bar
    from coner.knowledge.folder import FolderKnowledge
    from coner.knowledge.opensearch import connect
    from coner.knowledge.opensearch import upload as load

    knowledge = FolderKnowledge(kb, check=True)
    client = connect(address, user=user, password=os.environ.get("OPENSEARCH_PASSWORD", ""))
    with progress_bar("loading names", knowledge.description.names) as bar:
        for _ in load(knowledge, client, index):
            bar.advance()
    typer.echo(f"{index}: {counted(knowledge.description.names, 'name')}, hash {knowledge.hash}")


def _show(folder: Path, description: Description, *, as_json: bool) -> None:
    from coner.report.grid import print_whole
    from coner.report.knowledge import sources_grid

    if as_json:
        values: dict[str, Any] = description.model_dump(mode="json")
        typer.echo(json.dumps({"kb": str(folder), **values}, ensure_ascii=False, indent=2))
        return
    size = sum(file.bytes for file in description.files.values())
    counts = [counted(description.names, "name"), counted(description.entries, "entry", "entries")]
    counts += [counted(description.types, "type"), f"{description.untyped:,} without a type", f"{size / 1e6:.1f} MB"]
    print_whole(f"{folder}: {', '.join(counts)}", sources_grid(description).table())


def _left_out(description: Description) -> list[str]:
    lines = [
        f"{source.file}: left out: {', '.join(f'{count:,} {reason}' for reason, count in source.skipped.items())}"
        for source in description.sources
        if source.skipped
    ]
    merged = ", ".join(f"{count:,} {reason}" for reason, count in description.dropped.items())
    return [*lines, f"left out after merging: {merged}"] if merged else lines
