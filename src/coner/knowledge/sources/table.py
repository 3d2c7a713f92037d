"""Tables of names: CSV and TSV with a header, JSONL; the columns or keys are those of ``COLUMNS``."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.untrusted import check_values, parse_json
from coner.knowledge.entry import MAX_WEIGHT, Entry
from coner.knowledge.source import SmallSource, SourceSettings, sources

COLUMNS = ("name", "aliases", "types", "description", "prior", "id")
TAG = re.compile(r"o|[bieslmu]-.*")  # in lower case: the first word of labelled data may be name
KEY = re.compile(r'"(\w+)"\s*:')
SEPARATOR = "|"  # of several aliases, or several types, in one cell


class Table(SmallSource):
    title = "CSV, TSV or JSONL with a column or key name"

    def sniff(self, path: Path, head: str) -> bool:
        """The header, or the first object, has a name; and no text or words, as labelled data has."""
        first = next((line for line in head.splitlines() if line.strip()), "")
        if first.lstrip().startswith("{"):
            try:
                row = parse_json(first)
                keys = set(row) if isinstance(row, dict) else set()
            except ValueError:  # broken, or longer than the head: the reader says so
                keys = set(KEY.findall(first))
            return "name" in keys and not {"text", "tokens"} & keys
        try:
            header = _header(first)
        except csv.Error:
            return False
        return "name" in header and not any(TAG.fullmatch(cell) for cell in header)

    def entries(self, path: Path, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """One entry per row; the types of a row without a weight are equally likely."""
        ids: dict[str, int] = {}
        for line, row in _rows(path):
            entry = _entry(path, line, row)
            if entry.id and (first := ids.setdefault(entry.id, line)) != line:
                raise DataError(f"got the id {entry.id!r:.80} of line {first} again; expected another", path, line)
            yield entry


def _dialect(header: str) -> str:
    return "\t" if "\t" in header else ";" if ";" in header and "," not in header else ","


def _header(line: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([line], delimiter=_dialect(line)), [])]


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = next((line for line in Lines(path) if line.strip()), "")
    if first.lstrip().startswith("{"):
        yield from _objects(path)
        return
    try:
        header = _header(first)
    except csv.Error as error:
        raise DataError(f"is not valid CSV: {error}", path, 1) from None
    if unknown := [name for name in header if name not in COLUMNS]:
        expected = ", ".join(COLUMNS)
        raise DataError(f"got the column {unknown[0]!r:.80}; expected only {expected}", path, 1)
    if len(set(header)) < len(header):
        raise DataError("got a column twice; expected each once", path, 1)
    reader = csv.reader((line + "\n" for line in Lines(path)), delimiter=_dialect(first), strict=True)
    line, rows = 1, 0
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            rows += bool(cells)
            if rows < 2 or not cells:  # the header, an empty line
                continue
            if len(cells) != len(header):
                expected = f"{len(header)}, as the header has"
                raise DataError(f"got {counted(len(cells), 'cell')}; expected {expected}", path, start)
            yield start, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"is not valid CSV: {error}", path, line) from None


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(Lines(path), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
            check_values(row)
        except ValueError as error:
            raise DataError(str(error), path, number) from None
        if not isinstance(row, dict):
            raise DataError(f"got {line.strip()[:40]!r}; expected an object with a name", path, number)
        if unknown := [key for key in row if key not in COLUMNS]:
            raise DataError(f"got the key {unknown[0]!r:.80}; expected only {', '.join(COLUMNS)}", path, number)
        yield number, row


def _entry(path: Path, line: int, row: Mapping[str, Any]) -> Entry:
    def fault(message: str) -> DataError:
        return DataError(message, path, line)

    texts = {key: row.get(key) or "" for key in ("name", "description", "id")}
    if wrong := [key for key, value in texts.items() if not isinstance(value, str)]:
        raise fault(f"{wrong[0]}: got {texts[wrong[0]]!r:.80}; expected a text")
    name, text, identifier = (" ".join(value.split()) for value in texts.values())
    if not name:
        raise fault("got a row without a name. Fix: add it, or delete the row")
    types = _types(row.get("types"), fault)
    return Entry((name, *_several(row.get("aliases"), "aliases", fault)), types, text, _prior(row, fault), identifier)


def _several(value: Any, key: str, fault: Any) -> list[str]:
    if value is None or value == "":
        return []
    parts = value.split(SEPARATOR) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise fault(f"{key}: got {value!r:.80}; expected texts, in a cell separated by {SEPARATOR}")
    return [cleaned for part in parts if (cleaned := " ".join(part.split()))]


def _types(value: Any, fault: Any) -> dict[str, float]:
    if isinstance(value, dict):  # of JSONL: with weights
        if not all(_is_weight(weight) for weight in value.values()) or not all(name.strip() for name in value):
            weights = f"weights from {1 / MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
            raise fault(f"types: got {value!r:.80}; expected names of types with {weights}")
        types = {" ".join(name.split()): float(weight) for name, weight in value.items()}
    else:
        types = dict.fromkeys(_several(value, "types", fault), 1.0)
    if wrong := [name for name in types if "," in name]:
        raise fault(f"types: got {wrong[0]!r:.80} with a comma; expected types separated by {SEPARATOR}")
    return types


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 / MAX_WEIGHT <= value <= MAX_WEIGHT


def _prior(row: Mapping[str, Any], fault: Any) -> float:
    value = row.get("prior")
    if value is None or value == "":
        return 0.0
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= MAX_WEIGHT:
        raise fault(f"prior: got {value!r:.80}; expected a number from 0 to {MAX_WEIGHT:g}")
    return number


sources.register(Table(), "table")
