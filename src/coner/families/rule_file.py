"""Read rules from TOML or JSON: lists ``always`` and ``never``.

In TOML::

    [[always]]
    text = "Acme Analytics"
    label = "PrivateCorp"
    match = "case-insensitive"  # the default is "exact", see ``rules``

    [[never]]
    text = "may"
    label = "HumanSettlement"  # without one: never a mention at all
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.core.bounds import whole_bytes
from coner.core.errors import DataError
from coner.core.untrusted import check_values, is_text, parse_json, read_regular
from coner.data.builtin import parse_toml
from coner.families.rules import WAYS, Rule, Rules

LISTS, KEYS = ("always", "never"), ("text", "label", "match")
HEADER = re.compile(r"\s*\[\[\s*(\w+)\s*\]\]")


def read_rules(path: str | Path, labels: Collection[str]) -> Rules:
    """The rules of a TOML file, or of a JSON file (``.json``), for a model with these labels.

    ``DataError`` with the line, or the key path in JSON, if it cannot be read, a rule is faulty or has another label,
    or two rules contradict each other.
    """
    path = Path(path)
    try:
        text = read_regular(path, whole_bytes()).decode("utf-8-sig")
        values = _json(text) if path.suffix == ".json" else parse_toml(text, path)
    except OSError as error:
        raise DataError(f"cannot be read: {(error.strerror or str(error)).lower()}", path) from None
    except ValueError as error:
        raise DataError(f"cannot be read as rules: {error}", path) from None
    if not isinstance(values, dict) or not values:
        raise DataError("got no rules; expected lists always and never", path)
    if unknown := [key for key in values if key not in LISTS]:
        raise DataError(f"got {unknown[0]!r:.80}; expected {' and '.join(LISTS)}", path)
    lines = {} if path.suffix == ".json" else _lines(text)
    found = {name: _rules(values.get(name, []), name, path, lines.get(name, ())) for name in LISTS}
    rules = Rules(**found)
    rules.check(labels)
    return rules


def _json(text: str) -> Any:
    values = parse_json(text)
    check_values(values)
    return values


def _lines(text: str) -> dict[str, list[int]]:
    """The lines of the headers of each list; tomllib keeps no line numbers."""
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := HEADER.match(line):
            lines.setdefault(match[1], []).append(number)
    return lines


def _rules(entries: Any, name: str, path: Path, lines: Sequence[int]) -> list[Rule]:
    if not isinstance(entries, list):
        raise DataError(f"{name}: got {entries!r:.80}; expected a list of rules, each with text and label", path)
    known = len(lines) == len(entries)  # else some are inline tables, without a line of their own

    def place(number: int) -> str:
        return f"{path}:{lines[number]}: {name}" if known else f"{path}: {name}[{number}]"

    return [_rule(entry, place(number), needs_label=name == "always") for number, entry in enumerate(entries)]


def _rule(entry: Any, place: str, *, needs_label: bool) -> Rule:
    def check(key: str, is_right: Callable[[Any], bool], expected: str) -> None:
        if not is_right(value := entry.get(key)):
            got = f"got {value!r:.80}" if key in entry else "is missing"
            raise DataError(f"{place}: {key}: {got}; expected {expected}")

    if not isinstance(entry, Mapping):
        raise DataError(f'{place}: got {entry!r:.80}; expected text and label, such as text = "Bern", label = "City"')
    if unknown := [key for key in entry if key not in KEYS]:
        raise DataError(f"{place}: got {unknown[0]!r:.80}; expected {', '.join(KEYS)}")
    check("text", lambda value: is_text(value) and bool(value.strip()), "a name in one line")
    check("label", lambda value: is_text(value) or (value is None and not needs_label), "a label in quotes")
    check("match", lambda value: value is None or value in WAYS, f"one of: {', '.join(WAYS)}")
    return Rule(entry["text"], entry.get("label"), entry.get("match") or WAYS[0], place)
