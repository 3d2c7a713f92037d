"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from coner.data.formats import all_formats

if TYPE_CHECKING:
    FormatToRead: TypeAlias = str
    FormatToWrite: TypeAlias = str
    FormatToAppend: TypeAlias = str
    FormatToSplit: TypeAlias = str
else:
    FormatToRead = Literal["auto", *(format.name for format in all_formats() if format.reader)]
    FormatToWrite = Literal["auto", *(format.name for format in all_formats())]
    FormatToAppend = Literal["auto", *(format.name for format in all_formats() if format.appends)]
    FormatToSplit = Literal["auto", *(format.name for format in all_formats() if format.appends and format.reader)]


def model_folder(text: str) -> Path:
    """The folder of a model; ``hf://user/name@revision`` is downloaded."""
    from coner.families import model_folder

    return model_folder(text)


def model_argument(help: str, metavar: str = "MODEL") -> Any:
    """An argument that names a model."""
    return typer.Argument(parser=model_folder, metavar=metavar, help=help)


Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change a setting; can be repeated.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")]
Tokens = Annotated[int | None, typer.Option(min=1, metavar="N", help="Language model: use at most N tokens.")]
Cost = Annotated[float | None, typer.Option(metavar="X", help="Language model: spend at most X, in its currency.")]
LedgerFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Language model: file of its answers; default: in its folder.")
]
TrainFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Training file: show recall on mentions in it, and on others.")
]
TestFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Test file: evaluated once, at the end.")]
Scheme = Annotated[Literal["iob2", "iob1", "bioes"], typer.Option(help="Tag scheme of the CoNLL files.")]
InputScheme = Annotated[Literal["iob2", "iob1", "bioes"], typer.Option(help="Tag scheme of the input, if it has tags.")]
Repair = Annotated[bool, typer.Option("--repair", help="Repair what can be repaired in the files, and count it.")]
InputRepair = Annotated[bool, typer.Option("--repair", help="Repair what can be repaired in the input, and count it.")]
Overwrite = Annotated[bool, typer.Option(help="Delete what an earlier run wrote into the folder.")]
ScoresJson = Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")]
InputFormat = Annotated[FormatToRead, typer.Option("--from", help="Input format; auto: by name, then by content.")]
OutputFormat = Annotated[FormatToAppend, typer.Option("--to", help="Output format; auto: by name, else as the input.")]
HiddenFormat = Annotated[str | None, typer.Option("--format", hidden=True)]  # a former name of --from, and of --to
Comment = Annotated[str | None, typer.Option(metavar="MARK", help="Lines that start with MARK are headers too.")]
Shown = Literal["auto", "dev", "test"]
ShownSplit = Annotated[Shown, typer.Option("--split", help="Split to show; auto: test if all runs have it, else dev.")]
HiddenPart = Annotated[Shown | None, typer.Option("--part", hidden=True)]  # now --split
JsonOutput = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
