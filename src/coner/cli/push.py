"""``coner push``: publish a trained model on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coner.cli.card import Datasets, Languages, License
from coner.core.counted import counted


def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    repo: Annotated[str, typer.Argument(metavar="USER/NAME", help="Repository; created if it does not exist.")],
    private: Annotated[
        bool, typer.Option("--private", help="Create a private repository; a public one is refused.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Branch; created if it does not exist. Default: main.")
    ] = None,
    license: License = None,
    language: Languages = None,
    dataset: Datasets = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files, and send nothing.")] = False,
) -> None:
    """Publish a model with its record and a model card: the files that model.json names, and no others.

    Checkpoints, logs, tagged sentences and ledgers are not sent. The URL of the commit is printed on stdout. The token
    is that of the hub's own client: hf auth login, or HF_TOKEN.

    Examples:

      coner push runs/paper user/name --license apache-2.0 --language en --dry-run

      coner push runs/paper user/name --private --revision v1
    """
    from coner.core.errors import ConfigError
    from coner.core.progress import stderr
    from coner.hub import RepoRef
    from coner.hub import push as send
    from coner.report.card import CardMetadata
    from coner.report.publish import gather, size

    place = RepoRef.parse(repo)
    if place.revision and revision:
        raise ConfigError(f"--revision: got {revision!r}, but {repo} has a revision too; expected one of them")
    place = RepoRef.parse(f"{place.repo}@{revision}") if revision else place
    files = gather(run, CardMetadata(place.repo, license, tuple(language or ()), tuple(dataset or ())))
    lines = [f"{size(content):>13,}  {name}" for name, content in files.items()]
    number = counted(len(files), "file")
    total = f"{sum(map(size, files.values())):>13,}  {number} for {place}{', private' if private else ''}"
    listing = "\n".join([*lines, total])
    if dry_run:
        typer.echo(listing)
        return
    stderr.print(listing)
    typer.echo(send(place, files, message=f"{run.resolve().name}, by coner push", private=private or None))
