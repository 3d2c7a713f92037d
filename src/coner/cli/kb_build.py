"""``coner kb build``: a knowledge base from tables, labelled data and dumps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from coner.cli.options import JsonOutput, reads
from coner.core.counted import counted
from coner.core.errors import ConfigError
from coner.data.reading.reader import Reading
from coner.knowledge.source import sources

if TYPE_CHECKING:
    from coner.knowledge.description import Description

    SourceKind = str
else:
    SourceKind = Literal["auto", *sources.names()]

Switch = Literal["fold", "keep"]


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
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Keep only entries of this type; can be repeated."),
    ] = None,
    minimum_prior: Annotated[
        float, typer.Option("--min-prior", min=0, metavar="X", help="Leave out entries with a lower prior.")
    ] = 0,
    label_map: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="Label map: replace types by labels; others are left out."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled file: down-weight names that often occur outside its mentions."),
    ] = None,
    leave_out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Leave out sentences of labelled sources whose text is in FILE too, such as dev; can be repeated.",
        ),
    ] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(
            "--licence",
            "--license",
            metavar="[SOURCE=]SPDX",
            help="Licence to record: of all sources (CC0-1.0), or of one (names.csv=MIT); can be repeated.",
        ),
    ] = None,
    case: Annotated[Switch, typer.Option(help="fold: ignore upper and lower case; keep: distinguish it.")] = "fold",
    accents: Annotated[
        Literal["strip", "keep"], typer.Option(help="strip: ignore accents; keep: distinguish them.")
    ] = "strip",
    punctuation: Annotated[
        Literal["split", "keep"],
        typer.Option(help="split: treat it as a word separator; keep: treat it as part of words."),
    ] = "split",
    width: Annotated[
        Switch,
        typer.Option(help="fold: treat full-width and other forms of a letter alike; keep: distinguish them."),
    ] = "fold",
    edits: Annotated[
        int,
        typer.Option(min=0, max=1, metavar="0|1", help="1: names of 8 characters or more may have one typo."),
    ] = 0,
    processes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Number of processes that parse a dump; 0: one per core.")
    ] = 0,
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Build a knowledge base from any mix of sources.

    A table has a column name, and optionally aliases, types (several are separated by |), description, prior (how
    prominent it is) and id. In labelled data the mentions are the names, and their labels the types.

    Progress is saved: run the same command again to resume.

    Examples:

      coner kb build glossary.csv train.conll --out kb/

      coner kb build glossary.csv other.conll --leave-out dev.conll --leave-out test.conll --out kb/

      coner kb build names.csv --map types.toml --train train.conll --out kb/

      coner kb build wikidata.json.gz --language en --language de --min-prior 5 --licence CC0-1.0 --out kb/

      coner kb build names.csv drugs.csv --licence CC-BY-4.0 --licence drugs.csv=MIT --out kb/
    """
    from coner.core.progress import stderr
    from coner.data.label_map import load_map
    from coner.knowledge.build import BuildSettings, build, texts_of
    from coner.knowledge.normalisation import NormalisationSettings
    from coner.knowledge.source import SourceSettings

    if not minimum_prior < math.inf:
        raise ConfigError(f"--min-prior: got {minimum_prior}; expected a number from 0")
    licences = _licences(licence or ())
    kept, languages = tuple(types or ()), tuple(language or ("en",))
    source = SourceSettings(
        languages=languages,
        minimum_prior=minimum_prior,
        types=kept,
        reading=dict(reading),
        leave_out=texts_of(leave_out or (), **reading),
    )
    normalisation = NormalisationSettings(case=case, accents=accents, punctuation=punctuation, width=width)
    settings = BuildSettings(
        format=from_format,
        licence=licences.pop("", ""),
        licences=licences,
        source=source,
        normalisation=normalisation,
        labels={} if label_map is None else load_map(label_map).names(),
        edits=edits,
        processes=processes,
    )
    description = build(files, out, settings, train)
    for line in _left_out(description):
        stderr.print(line)
    show(out, description, as_json=as_json)


def _licences(options: Sequence[str]) -> dict[str, str]:
    """The licence of each source that has one of its own, and under the key ``""`` that of all others."""
    found: dict[str, str] = {}
    for option in options:
        source, _, licence = option.rpartition("=")
        if not licence:
            raise ConfigError(f"--licence: got no licence in {option!r}; expected one such as MIT, or SOURCE=MIT")
        if source in found:
            named = f"of {source}" if source else "of all sources"
            raise ConfigError(f"--licence: got two licences {named}, {found[source]} and {licence}; expected one")
        found[source] = licence
    return found


def show(folder: Path, description: Description, *, as_json: bool) -> None:
    """Print what a knowledge base holds."""
    from coner.report.grid import print_whole
    from coner.report.knowledge import sources_grid

    if as_json:
        values: dict[str, Any] = description.model_dump(mode="json")
        typer.echo(json.dumps({"kb": str(folder), **values}, ensure_ascii=False, indent=2))
        return
    size = sum(file.bytes for file in description.files.values())
    counts = [counted(description.names, "name"), counted(description.entries, "entry", "entries")]
    counts += [counted(description.types, "type"), f"{description.untyped:,} without a type", f"{size / 1e6:.1f} MB"]
    if description.damping is not None:
        counts.append(f"{counted(description.damping.names, 'name')} down-weighted")
    print_whole(f"{folder}: {', '.join(counts)}", sources_grid(description).table())


def _left_out(description: Description) -> list[str]:
    lines = [
        f"{source.file}: left out: {', '.join(f'{count:,} {reason}' for reason, count in source.skipped.items())}"
        for source in description.sources
        if source.skipped
    ]
    if description.unmapped:
        lines.append(f"left out: {counted(description.unmapped, 'type')} that the map does not name")
    merged = ", ".join(f"{count:,} {reason}" for reason, count in description.dropped.items())
    return [*lines, f"left out after merging: {merged}"] if merged else lines
