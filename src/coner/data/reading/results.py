"""Tasks, annotations and results of Label Studio, in the forms of its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from coner.data.reading.markup import text_nodes
from coner.data.reading.offsets import same_text

Values = Mapping[str, Any]
MINIMAL = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time")  # keys of JSON-MIN
TASKS = "tasks"  # the key of the tasks, if they are in an object
RUNS = ("annotations", "completions", "predictions", "drafts")  # keys of lists of objects with results
DEPTH = 4  # of objects in ``data`` that may hold the text


def placed(result: Values) -> tuple[Any, Any, str | None, Any]:
    """The start and the end of a result if they are known, the text that it repeats, and its labels."""
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
    """A task of JSON-MIN, or with an annotation around it, in the form of other tasks; all with places in one text."""
    if is_around(value):
        value = {**value["task"], "annotations": [{key: item for key, item in value.items() if key != "task"}]}
    if isinstance(value, dict) and isinstance(value.get("data"), dict):
        return _with_paragraphs(_with_nodes(value))
    if not isinstance(value, dict):
        return value
    types = {key: [_type(item) for item in items_of(items)] for key, items in value.items()}
    regions = {key: value[key] for key, found in types.items() if any(found)}
    if not regions and not any(key in value for key in MINIMAL):
        return value
    results = [{"type": _type(item), "value": item} for items in regions.values() for item in items]
    data = {key: item for key, item in value.items() if key not in (*MINIMAL, *regions)}
    annotated = bool(regions) or value.get("annotation_id") is not None
    return {"data": data, "annotations": [{"result": results}] if annotated else []}


def _moved(task: dict[str, Any], change: Callable[[dict[str, Any]], Values]) -> dict[str, Any]:
    """A task with changes of the values of its results."""

    def moved(result: Any) -> Any:
        value = result.get("value") if isinstance(result, dict) else None
        return {**result, "value": {**value, **change(value)}} if isinstance(value, dict) else result

    runs = {key: task[key] for key in RUNS if isinstance(task.get(key), list)}
    for key, items in runs.items():
        runs[key] = [
            {**run, "result": list(map(moved, run["result"]))}
            if isinstance(run, dict) and isinstance(run.get("result"), list)
            else run
            for run in items
        ]
    return {**task, **runs}


def _with_paragraphs(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose only paragraphs, such as those of a dialogue, are lines of one text."""
    lists = {key: items for key, items in task["data"].items() if _are_paragraphs(items)}
    if len(lists) != 1:
        return task
    [(key, items)] = lists.items()
    lines = [item["text"] for item in items]
    starts = accumulate((len(line) + 1 for line in lines), initial=0)
    nodes = {str(number): start for number, start in zip(range(len(lines)), starts, strict=False)}
    task = _moved(task, lambda value: _place_in_nodes(value, nodes))
    return {**task, "data": {**task["data"], key: "\n".join(lines)}}


def _with_nodes(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose results count characters in its text, not in nodes of HTML, where its text shows that they do."""
    pages = [text_nodes(text) for text in texts_in(task["data"]).values() if "<" in text]
    if not pages:
        return task

    def change(value: dict[str, Any]) -> Values:
        for text, nodes in [] if isinstance(value.get("globalOffsets"), dict) else pages:
            places, repeated = _place_in_nodes(value, nodes), value.get("text")
            if places and isinstance(repeated, str) and same_text(text[places["start"] : places["end"]], repeated):
                return places
        return {}

    return _moved(task, change)


def _place_in_nodes(value: Values, nodes: Mapping[str, int]) -> dict[str, int]:
    """The start and the end of a result that counts in nodes, which start at these places; empty if it does not."""
    found = {}
    for end in ("start", "end"):
        node, within = value.get(end), value.get(f"{end}Offset")
        if isinstance(node, str | int) and str(node) in nodes and type(within) is int:
            found[end] = nodes[str(node)] + within
    return found if len(found) == 2 else {}


def _are_paragraphs(value: Any) -> bool:
    return bool(items_of(value)) and all(isinstance(item, dict) and isinstance(item.get("text"), str) for item in value)


def is_around(value: Any) -> bool:
    """Whether a value is an annotation with its task inside, as Label Studio writes it to a cloud storage."""
    task = value.get("task") if isinstance(value, dict) else None
    return isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(value.get("result"), list)


def is_wrapper(value: Any) -> bool:
    """Whether a value is not a task, but an object that has tasks."""
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
