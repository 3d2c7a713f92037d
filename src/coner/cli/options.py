"""Options that several commands share word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

TrainFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Training file: recall on mentions that it knows and does not.")
]
TestFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Test file: scored once, at the end.")]
Scheme = Annotated[Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in CoNLL.")]
InputScheme = Annotated[
    Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in the input, if it has any.")
]
Repair = Annotated[bool, typer.Option("--repair", help="Mend what can be mended in the files, and count it.")]
InputRepair = Annotated[bool, typer.Option("--repair", help="Mend what can be mended in the input, and count it.")]
Overwrite = Annotated[bool, typer.Option(help="Throw away what an earlier run wrote into the folder.")]
ScoresJson = Annotated[bool, typer.Option("--json", help="Print the record's scores as one JSON object.")]
InputFormat = Annotated[
    str, typer.Option("--from", metavar="FORMAT", help="Format of the input; auto: by its name, then its content.")
]
OutputFormat = Annotated[
    str, typer.Option("--to", metavar="FORMAT", help="Format of the output; auto: by its name, else as the input.")
]
HiddenFormat = Annotated[str | None, typer.Option("--format", hidden=True)]  # the former name of --to
