"""A config with every setting of a family, its default and its description, made from the settings model."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from coner.config.section import section_in

WIDTH = 100  # of comments
BARE = re.compile(r"[\w-]+", re.ASCII)  # keys that need no quotes


def template(model: type[BaseModel], values: Mapping[str, Any]) -> str:
    """TOML text with every setting of a model: as in ``values``, JSON values by section, else its default.

    A setting is commented out if it is empty, has no default, or is missing in a section of ``values`` or in the dump
    of a default section, which may leave out what depends on the data.
    """
    return "\n".join(_section(model, {**_defaults(model), **values}, ())).lstrip() + "\n"


def toml(value: Any) -> str:
    """A JSON value, except ``None``, or a path in TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


def _section(model: type[BaseModel], values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    sections: dict[tuple[str, ...], tuple[type[BaseModel], Mapping[str, Any]]] = {}
    defaults = _defaults(model)
    for name, field in model.model_fields.items():
        value, inner = values.get(name, defaults[name]), section_in(field.annotation)
        is_section = inner is field.annotation
        if inner is not None and is_section:
            sections[*path, name] = (inner, _defaults(inner) if value is None else value)
        elif inner is not None and isinstance(value, dict):  # sections by name
            sections |= {(*path, name, key): (inner, item) for key, item in value.items()}
        else:
            yield from ("", *_comment(describe(field, required=value is None and field.is_required())))
            line = f"{name} =" if value in (None, "") else f"{name} = {toml(value)}"
            yield line if name in values and not line.endswith("=") else f"# {line}"
    for place, (inner, items) in sections.items():
        yield from ("", "", f"[{'.'.join(map(_key, place))}]", *_comment((inner.__doc__ or "").partition("\n")[0]))
        yield from _section(inner, items, place)


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {name: default_of(field) for name, field in model.model_fields.items()}


def default_of(field: FieldInfo) -> Any:
    """The default of a setting in JSON values; ``None`` if it has none, or that is the default."""
    if field.is_required():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        return choices[0] if len(choices) == 1 else None
    holder = {"value": field.get_default(call_default_factory=True)}
    return json.loads(json.dumps(holder, default=_plain))["value"]


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def describe(field: FieldInfo, *, required: bool) -> str:
    """The description of a setting, with the choices that it does not name."""
    text = field.description or ""
    choices = list(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else []
    if len(choices) > 1 and any(choice not in text for choice in choices):
        text += f" ({', '.join(choices)})"
    return f"{text}; required" if required else text


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in textwrap.wrap(text.replace("``", ""), WIDTH))


def _key(text: str) -> str:
    return text if BARE.fullmatch(text) else toml(text)
