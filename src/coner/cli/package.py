"""``coner package``: a trained model as a wheel, to be installed with pip."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.card import Datasets, Languages
from coner.cli.options import JsonOutput


def package(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the package, such as acme-ner.")],
    version: Annotated[str, typer.Option(metavar="X.Y", help="Version of the package.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIST", help="Folder to write the wheel into.")] = Path(
        "dist"
    ),
    license: Annotated[
        str | None, typer.Option("--license", "--licence", metavar="SPDX", help="Licence, such as Apache-2.0.")
    ] = None,
    language: Languages = None,
    dataset: Datasets = None,
    as_json: JsonOutput = False,
) -> None:
    """Build a Python package of a model: a wheel with the files that coner push sends, and no code.

    Where it is installed, its name stands for the model: in coner tag, serve and evaluate, and in coner.load. It needs
    no hub and no network. Equal input gives equal bytes. The path of the wheel is printed on stdout.

    Examples:

      coner package runs/paper --name acme-ner --version 1.0 --license apache-2.0

      pip install dist/acme_ner-1.0-py3-none-any.whl

      coner tag acme-ner input.conll -o output.conll
    """
    from coner.core.progress import stderr
    from coner.report.card import CardMetadata
    from coner.report.package import PYPI_LIMIT, PackageName, build_wheel

    parsed = PackageName.parse(name, version, license)
    metadata = CardMetadata(None, license, tuple(language or ()), tuple(dataset or ()), package=name)
    wheel = build_wheel(run, parsed, metadata, out)
    for path, size in wheel.files.items():
        stderr.print(f"{size:>13,}  {path}")
    stderr.print(f"{wheel.bytes:>13,}  {parsed.name} {parsed.version}, packed; requires {wheel.requires}")
    if wheel.bytes > PYPI_LIMIT:
        stderr.print(f"Note: PyPI accepts files of up to {PYPI_LIMIT / 1e6:.0f} MB. pip also installs it from a path.")
    values = {**asdict(parsed), "wheel": str(wheel.path), "requires": wheel.requires, "bytes": wheel.bytes}
    values |= {"sha256": wheel.sha256, "files": dict(wheel.files)}
    typer.echo(json.dumps(values, ensure_ascii=False, indent=2) if as_json else str(wheel.path))
