"""``coner kb``: knowledge bases of names with types."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coner.cli import kb_build
from coner.cli.kb_build import show
from coner.cli.options import InputFormat, JsonOutput, reads
from coner.core.counted import counted
from coner.core.errors import ConfigError
from coner.data.reading.reader import Reading

app = typer.Typer(no_args_is_help=True, help="Knowledge bases: names with types, from tables, labelled data and dumps.")
app.command()(kb_build.build)
Folder = Annotated[Path, typer.Argument(metavar="KB", help="Folder of a knowledge base.")]


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
    label_map: Annotated[
        str | None,
        typer.Option("--map", metavar="NAME|FILE", help="Label map from types to classes; default: learned."),
    ] = None,
    from_format: InputFormat = "auto",
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Show what a knowledge base holds, and which mentions of a labelled file it knows.

    A mention is in it if a name covers exactly its words. The class that a type stands for is learned on one half of
    the file and applied to the other, and vice versa, or taken from --map.

    Examples:

      coner kb stats kb/

      coner kb stats kb/ --on dev.conll --train train.conll
    """
    from coner.knowledge.folder import FolderKnowledge
    from coner.report.grid import print_whole
    from coner.report.knowledge import coverage_grid, matches_line
    from coner.runs.by_coverage import measure_file

    knowledge = FolderKnowledge(kb, check=True)
    if on is None:
        show(kb, knowledge.description, as_json=as_json)
        return
    coverage = measure_file(knowledge, on, train=train, label_map=label_map, format=from_format, **reading)
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
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Address, such as https://localhost:9200. [required]")
    ] = None,
    server_alias: Annotated[str | None, typer.Option("--to", hidden=True)] = None,  # now --server
    index: Annotated[str, typer.Option(metavar="NAME", help="New index; an existing one is left alone.")],
    user: Annotated[
        str, typer.Option(metavar="NAME", help="User of the server; the password is in OPENSEARCH_PASSWORD.")
    ] = "",
) -> None:
    """Load a knowledge base into an index of an OpenSearch server, to share it between machines.

    Other commands take its address, such as https://localhost:9200/names, as --kb; coner train needs the folder.

    Examples:

      coner kb upload kb/ --server https://localhost:9200 --index names --user admin
    """
    import os

    from coner.core.progress import progress_bar
    from coner.knowledge.folder import FolderKnowledge
    from coner.knowledge.opensearch import connect
    from coner.knowledge.opensearch import upload as upload_names

    if (address := server or server_alias) is None:
        raise ConfigError("--server: not set. Fix: name the server, such as --server https://localhost:9200")
    knowledge = FolderKnowledge(kb, check=True)
    client = connect(address, user=user, password=os.environ.get("OPENSEARCH_PASSWORD", ""))
    with progress_bar("loading names", knowledge.description.names) as bar:
        for _ in upload_names(knowledge, client, index):
            bar.advance()
    typer.echo(f"{index}: {counted(knowledge.description.names, 'name')}, hash {knowledge.hash}")
