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

    A setting that is empty, or has no default, is commented out.
    """
    return "\n".join(_section(model, values, ())).lstrip() + "\n"


def toml(value: Any) -> str:
    """A JSON value, except ``None``, or a path in TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {toml(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")


def _section(model: type[BaseModel], values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    sections: dict[tuple[str, ...], tuple[type[BaseModel], Mapping[str, Any]]] = {}
    for name, field in model.model_fields.items():
        value, inner = values.get(name, _default(field)), section_in(field.annotation)
        is_section = inner is field.annotation
        if inner is not None and is_section:
            sections[*path, name] = (inner, value or {})
        elif inner is not None and isinstance(value, dict):  # sections by name
            sections |= {(*path, name, key): (inner, item) for key, item in value.items()}
        else:
            yield from ("", *_comment(_describe(field, required=value is None and field.is_required())))
            yield f"# {name} =" if value in (None, "") else f"{name} = {toml(value)}"
    for place, (inner, items) in sections.items():
        yield from ("", "", f"[{'.'.join(map(_key, place))}]", *_comment((inner.__doc__ or "").partition("\n")[0]))
        yield from _section(inner, items, place)


def _default(field: FieldInfo) -> Any:
    """The default of a setting in JSON values; ``None`` if it has none, or that is the default."""
    if field.is_required():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        return choices[0] if len(choices) == 1 else None
    holder = {"value": field.get_default(call_default_factory=True)}
    return json.loads(json.dumps(holder, default=_plain))["value"]


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _describe(field: FieldInfo, *, required: bool) -> str:
    text = field.description or ""
    choices = list(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else []
    if len(choices) > 1 and any(choice not in text for choice in choices):
        text += f" ({', '.join(choices)})"
    return f"{text}; required" if required else text


def _comment(text: str) -> Iterator[str]:
    yield from (f"# {line}" for line in textwrap.wrap(text.replace("``", ""), WIDTH))


def _key(text: str) -> str:
    return text if BARE.fullmatch(text) else toml(text)
