"""``coner card``: what a run's record says of its model, for people who did not make it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

License = Annotated[
    str | None, typer.Option("--license", metavar="NAME", help="Of the model, as the hub spells it: apache-2.0.")
]
Languages = Annotated[list[str] | None, typer.Option("--language", metavar="CODE", help="Such as en; again for more.")]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", metavar="NAME", help="Of the hub, such as user/name; again for more.")
]


def card(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run, or a record file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it; none: stdout.")] = None,
    license: License = None,
    language: Languages = None,
    dataset: Datasets = None,
    repo: Annotated[
        str | None, typer.Option(metavar="USER/NAME", help="Its name on the hub, for the lines on how to use it.")
    ] = None,
) -> None:
    """Write a model card (README.md, with the hub's front matter) from the record of a run.

    License, language and data sets are on it only if you tell them: no record knows them.

    Examples:

      coner card runs/paper

      coner card runs/paper --license apache-2.0 --language en -o README.md
    """
    from coner.core.files import atomic_write
    from coner.hub import RepoRef
    from coner.report.card import Told
    from coner.report.publish import card_of

    name = RepoRef.parse(repo).repo if repo else None
    text = card_of(run, Told(name, license, tuple(language or ()), tuple(dataset or ())))
    if out is None:
        typer.echo(text, nl=False)
    else:
        with atomic_write(out) as handle:
            handle.write(text)
