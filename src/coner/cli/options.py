"""Arguments and options that several commands share."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import typer

from coner.core.errors import ConfigError
from coner.core.tags import InputScheme
from coner.data.formats import all_formats
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.families.options import LoadOptions

    FormatToRead: TypeAlias = str
    FormatToWrite: TypeAlias = str
    FormatToAppend: TypeAlias = str
    FormatToSplit: TypeAlias = str
else:
    FormatToRead = Literal["auto", *(format.name for format in all_formats() if format.reader)]
    FormatToWrite = Literal["auto", *(format.name for format in all_formats() if format.writes)]
    FormatToAppend = Literal["auto", *(format.name for format in all_formats() if format.appends)]
    FormatToSplit = Literal["auto", *(format.name for format in all_formats() if format.appends and format.reader)]


def model_folder(text: str) -> Path:
    """The folder of a model; ``hf://user/name@revision`` is downloaded."""
    from coner.families import model_folder

    return model_folder(text)


def model_argument(help: str, metavar: str = "MODEL") -> Any:
    """An argument that names a model."""
    return typer.Argument(parser=model_folder, metavar=metavar, help=help)


Source = Annotated[
    str, typer.Argument(metavar="CONFIG|DATA", help="TOML file, built-in config (coner config), or training data.")
]
FamilyOfData = Annotated[
    str | None, typer.Option("--family", metavar="KIND", help="With DATA: the kind of tagger; coner config lists them.")
]
TrainData = Annotated[
    Path | None, typer.Option("--train", metavar="DATA", help="Config: short for --set data.train=DATA.")
]
DevData = Annotated[Path | None, typer.Option(metavar="DATA", help="Short for --set data.dev=DATA.")]
EncoderName = Annotated[
    str | None, typer.Option(metavar="NAME", help="minilm, mpnet, a folder or a hub name; sets encoder.name.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change a setting; can be repeated.")
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")]
Tokens = Annotated[int | None, typer.Option(min=1, metavar="N", help="Language model: use at most N tokens.")]
Cost = Annotated[float | None, typer.Option(metavar="X", help="Language model: spend at most X, in its currency.")]
LedgerFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Language model: file for its answers; default: in its folder.")
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-endpoint",
        metavar="URL",
        help="Language model: an address that may get your sentences and the key; can be repeated.",
    ),
]
Rules = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML or JSON file of names that are always, or never, mentions of a label."),
]
KnowledgeBase = Annotated[
    str | None,
    typer.Option(
        "--kb", metavar="DIR|URL", help="Knowledge base that the model uses, or to link to: folder, or server/index."
    ),
]
ModelKnowledge = Annotated[
    str | None,
    typer.Option("--kb", metavar="DIR|URL", help="Knowledge base of the model, if any: folder, or server/index."),
]
Link = Annotated[
    bool, typer.Option("--link", help="Give each entity its id in the knowledge base of --kb, or of the model.")
]
TypeMap = Annotated[
    str | None,
    typer.Option(
        "--map",
        metavar="NAME|FILE",
        help="With --link: label map from types of the knowledge base; default: a type is the label of the same name.",
    ),
]
TrainFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Training file: show recall on mentions in it, and on others.")
]
TestFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Test file: evaluated once, at the end.")]
Overwrite = Annotated[bool, typer.Option(help="Delete what an earlier run wrote into the folder.")]
ScoresJson = Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")]
InputFormat = Annotated[FormatToRead, typer.Option("--from", help="Input format; auto: by name, then by content.")]
OutputFormat = Annotated[FormatToAppend, typer.Option("--to", help="Output format; auto: by name, else as the input.")]
HiddenFormat = Annotated[str | None, typer.Option("--format", hidden=True)]  # a former name of --from, and of --to
Shown = Literal["auto", "dev", "test"]
ShownSplit = Annotated[Shown, typer.Option("--split", help="Split to show; auto: test if all runs have it, else dev.")]
HiddenPart = Annotated[Shown | None, typer.Option("--part", hidden=True)]  # now --split
JsonOutput = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def load_options(rules: Path | None, kb: str | None, link: bool, type_map: str | None) -> LoadOptions:
    """The options of ``coner.load`` that are set, with absolute paths."""
    from coner.data.label_map import builtin_maps
    from coner.knowledge import SERVER

    values: LoadOptions = {}
    if rules is not None:
        values["rules"] = str(rules.resolve())
    if kb is not None:
        values["kb"] = kb if kb.startswith(SERVER) else str(Path(kb).resolve())
    if link:
        values["link"] = True
    if type_map is not None:
        values["label_map"] = type_map if type_map in builtin_maps() else str(Path(type_map).resolve())
    return values


def _reading(
    *,
    scheme: Annotated[
        InputScheme, typer.Option(help="Tag scheme of the input; auto: recognised from all of its tags.")
    ] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(metavar="word=2,tag=4", help="Columns, by number or name; default: recognised."),
    ] = None,
    comment: Annotated[
        str | None, typer.Option(metavar="MARK", help="Lines that start with MARK are headers, not words.")
    ] = None,
    lines: Annotated[
        Literal["sentences", "wrapped"],
        typer.Option(help="What a line of a document is; wrapped: paragraphs end at empty lines."),
    ] = "sentences",
    nested: Annotated[Literal["outer", "inner"], typer.Option(help="Which of nested entities to keep.")] = "outer",
    text: Annotated[
        str | None, typer.Option(metavar="KEY", help="Key of the text in JSON; default: recognised.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Rename a label of the input; can be repeated.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair or leave out what is faulty in the input, and count it.")
    ] = False,
) -> Reading:
    """The options of reading that are set."""
    renamed = dict(_renaming(change) for change in rename or ())
    values: dict[str, Any] = {
        "scheme": scheme,
        "columns": columns,
        "comment": comment,
        "lines": lines,
        "nested": nested,
        "text": text,
    }
    values |= {"rename": renamed, "repair": repair}
    defaults = inspect.signature(_reading).parameters
    return cast(Reading, {name: value for name, value in values.items() if value and value != defaults[name].default})


def as_toml(reading: Reading) -> dict[str, str]:
    """The options as values of TOML."""
    return {name: _toml(value) for name, value in reading.items()}


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(new)}" for key, new in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _renaming(change: str) -> tuple[str, str]:
    old, equals, new = change.partition("=")
    if not (old and equals and new):
        raise ConfigError(f"--rename: got {change!r}; expected OLD=NEW, such as 'Nom complet=Nom_complet'")
    return old, new


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of reading data to a command, which receives them together as ``reading``."""
    own = inspect.signature(command, eval_str=True).parameters
    options = inspect.signature(_reading, eval_str=True).parameters

    @wraps(command)
    def run(**values: Any) -> None:
        reading = _reading(**{name: values.pop(name) for name in options})
        command(**values, reading=reading)

    kept = [parameter for name, parameter in own.items() if name != "reading"]
    together = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*kept, *options.values())]
    run.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined] # read by typer
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return run
