"""``coner card``: a model card from the record of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

License = Annotated[
    str | None,
    typer.Option("--license", "--licence", metavar="NAME", help="Licence, as the hub spells it: apache-2.0."),
]
Languages = Annotated[
    list[str] | None, typer.Option("--language", metavar="CODE", help="Language, such as en; can be repeated.")
]
Datasets = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="NAME", help="Data set on the hub, such as user/name; can be repeated."),
]


def card(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run, or a record file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write. Default: stdout.")] = None,
    license: License = None,
    language: Languages = None,
    dataset: Datasets = None,
    repo: Annotated[
        str | None, typer.Option(metavar="USER/NAME", help="Name on the hub, for the lines on how to use the model.")
    ] = None,
) -> None:
    """Write a model card (README.md with the hub's front matter) from the record of a run.

    Records do not contain licence, language and data sets: the card has them only if you pass them.

    Examples:

      coner card runs/paper

      coner card runs/paper --license apache-2.0 --language en -o README.md
    """
    from coner.core.files import atomic_write
    from coner.hub import RepoRef
    from coner.report.card import CardMetadata
    from coner.report.publish import card_of

    name = RepoRef.parse(repo).repo if repo else None
    text = card_of(run, CardMetadata(name, license, tuple(language or ()), tuple(dataset or ())))
    if out is None:
        typer.echo(text, nl=False)
    else:
        with atomic_write(out) as handle:
            handle.write(text)
