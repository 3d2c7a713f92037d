"""The page of all settings, from the models that check configs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from coner.config.section import section_in
from coner.config.template import default_of, describe, toml
from coner.families.registry import family, kinds

LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "none"}


@dataclass
class Setting:
    """One setting of one or more kinds of taggers."""

    path: str  # ``section.name``
    type: str
    default: str  # TOML; empty if there is none
    about: str
    kinds: list[str] = field(default_factory=list)


def settings() -> list[Setting]:
    """Every setting of every kind that a config can have; what is equal in several kinds occurs once."""
    found: dict[str, Setting] = {}
    for kind in kinds(configurable=True):
        for setting in _walk(family(kind).settings, ""):
            first = found.setdefault(setting.path, setting)
            first.kinds.append(kind)
            for name in ("type", "default", "about"):
                values = dict.fromkeys([getattr(first, name), getattr(setting, name)])
                setattr(first, name, " or ".join(values))
    return list(found.values())


def page() -> str:
    """Markdown with the settings by section."""
    known = settings()
    sections: dict[str, list[Setting]] = {}
    for setting in known:
        sections.setdefault(setting.path.rpartition(".")[0], []).append(setting)
    every = kinds(configurable=True)
    lines = [
        "# Settings",
        "",
        "A config is a TOML file; `coner config KIND` prints one with every setting of a kind.",
        "`--set SECTION.NAME=VALUE` changes one, as does `coner.train(..., SECTION__NAME=VALUE)` in Python.",
        "",
    ]
    for name, members in sections.items():
        lines += ["", f"## {name or 'At the top'}", ""]
        shared = members[0].kinds
        lines += [f"Kinds: {', '.join(f'`{kind}`' for kind in shared)}." if shared != every else "All kinds.", ""]
        for setting in members:
            only = f" (`kind = {' | '.join(setting.kinds)}`)" if setting.kinds != shared else ""
            lines += [f"```{{confval}} {setting.path}", f":type: {setting.type}"]
            lines += [f":default: {setting.default}"] if setting.default else []
            lines += ["", _sentence(setting.about.removeprefix("; ")) + only, "```", ""]
    return "\n".join(lines)


def _walk(model: type[BaseModel], path: str) -> Iterator[Setting]:
    schema = model.model_json_schema()
    for name, declared in model.model_fields.items():
        inner: type[BaseModel] | None = section_in(declared.annotation)
        here = f"{path}.{name}" if path else name
        if inner is not None and inner is declared.annotation:  # a section
            yield from _walk(inner, here)
            continue
        default = default_of(declared)
        shown = "" if default in (None, "") or declared.is_required() else f"`{toml(default)}`"
        about = describe(declared, required=declared.is_required())
        yield Setting(here, _type(schema["properties"][name]), shown, about)
        if inner is not None:
            yield from _walk(inner, f"{here}.NAME" if "dict" in str(declared.annotation) else f"{here}[]")


def _type(schema: dict[str, Any]) -> str:
    """A type of JSON Schema in words."""
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{toml(value)}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("format") == "path":
        return "path"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "$ref" in schema or schema.get("type") == "object":
        return "table"
    name = TYPES.get(schema.get("type", ""), schema.get("type", "any"))
    limits = [f"{word} {schema[key]:,}" for key, word in LIMITS.items() if key in schema]
    return ", ".join([name, *limits])


def _sentence(text: str) -> str:
    escaped = (
        text.replace("``", "`") if "``" in text else text.replace("*", r"\*").replace("<", r"\<").replace("[", r"\[")
    )
    return escaped[:1].upper() + escaped[1:] + "." if escaped else ""
