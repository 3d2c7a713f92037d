"""Tasks, annotations and results of Label Studio, in the forms of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]
MINIMAL = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time")  # keys of JSON-MIN
TASKS = "tasks"  # the key of the tasks, if they are in an object
DEPTH = 4  # of objects in ``data`` that may hold the text


def placed(result: Values) -> tuple[Any, Any, str | None, Any]:
    """The start and the end of a result as far as they are known, the text that it repeats, and its labels."""
    value = result.get("value")
    values = value if isinstance(value, dict) else {}
    start, end, text = map(values.get, ("start", "end", "text"))
    if isinstance(values.get("globalOffsets"), dict):
        start, end = map(values["globalOffsets"].get, ("start", "end"))
    elif isinstance(start, str) and start == end and isinstance(text, str):  # one node of HTML: proved by the text
        start, end = values.get("startOffset", start), values.get("endOffset", end)
    repeated = text if isinstance(text, str) and type(start) is type(end) is int else None
    return start, end, repeated, values.get(str(result.get("type")), values.get("labels"))


def whole_task(value: Any) -> Any:
    """A task of JSON-MIN in the form of other tasks."""
    if not isinstance(value, dict) or isinstance(value.get("data"), dict):
        return value
    types = {key: [_type(item) for item in items_of(items)] for key, items in value.items()}
    regions = {key: value[key] for key, found in types.items() if any(found)}
    if not regions and not any(key in value for key in MINIMAL):
        return value
    results = [{"type": _type(item), "value": item} for items in regions.values() for item in items]
    data = {key: item for key, item in value.items() if key not in (*MINIMAL, *regions)}
    annotated = bool(regions) or value.get("annotation_id") is not None
    return {"data": data, "annotations": [{"result": results}] if annotated else []}


def is_wrapper(value: Any) -> bool:
    """Whether a value is no task, but an object that has tasks."""
    return isinstance(value, dict) and "data" not in value and isinstance(value.get(TASKS), list)


def texts_in(data: Values, depth: int = DEPTH) -> dict[str, str]:
    """The strings of the data of a task except its id, then those in objects, as ``document.text``."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and key != "id"}
    for key, inner in data.items():
        if isinstance(inner, dict) and depth:
            for name, text in texts_in(inner, depth - 1).items():
                texts.setdefault(f"{key}.{name}", text)
    return texts


def _type(item: Any) -> str | None:
    spans = isinstance(item, dict) and "start" in item
    return next((key for key in item if key.endswith("labels")), None) if spans else None


def is_cancelled(annotation: Values) -> bool:
    """Whether the annotator passed over the task."""
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def items_of(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def list_under(values: Values, key: str) -> list[Any]:
    """The list under a key, empty without the key; ``ValueError`` if there is something else."""
    items = values.get(key) or []
    if not isinstance(items, list):
        raise ValueError(f"got {key} {items!r:.80}; expected a list")
    return items
