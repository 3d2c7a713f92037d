"""Label Studio: exports by hand, and there and back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import detect, read, stream
from coner.data.formats.labelstudio import LabelStudioReader, write_labelstudio
from coner.data.reading.words import raw_text
from helpers.awkward import gist, sentences

TEXT = "she met ada lovelace.\n\nin new york"


def result(start: Any, end: Any, *labels: str, **more: Any) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": list(labels or ("P",))}
    value |= {"text": more.pop("text")} if "text" in more else {}
    return {"id": "r1", "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def task(*results: Any, text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"id": 17, "data": {"text": text}, "annotations": [{"id": 3, "result": list(results)}], **more}


def export(folder: Path, *tasks: Any, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(list(tasks), indent=1), encoding="utf-8")
    return path


def test_a_task_is_a_sentence_a_line_with_the_tasks_id(tmp_path: Path) -> None:
    path = export(tmp_path, task(result(8, 20, text="ada lovelace"), result(26, 34, "City", score=0.5)))
    first, second = read(path, gold=True)
    assert gist(first) == (("she", "met", "ada", "lovelace", "."), (Entity(2, 4, "P"),), "17-1")
    assert gist(second) == (("in", "new", "york"), (Entity(1, 3, "City"),), "17-2")
    assert second.entities is not None
    assert second.entities[0].score == 0.5


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", '\ufeff [{"data": 1}]', "labelstudio"),
        ("a.json", "[]", "labelstudio"),
        ("a.json", '{"text": "a"}', "jsonl"),
        ("a", ' [\n {"data": 1}]', "labelstudio"),
        ("a", "[ada] met bob", "text"),
    ],
)
def test_it_is_told_by_its_content(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert detect(tmp_path / name) == kind


def test_the_first_annotation_that_was_not_cancelled_counts(tmp_path: Path) -> None:
    cancelled, first = {"was_cancelled": True, "result": [result(0, 3)]}, {"result": [result(8, 11)]}
    more = {"predictions": [{"result": [result(4, 7)]}], "drafts": [{}]}
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    choice = {"type": "choices", "value": {"choices": ["x"]}}
    last = {"result": [result(4, 7), relation, choice]}
    tasks = [
        {**task(text="she met ada"), "annotations": [cancelled, first, {"result": []}], **more},
        {**task(text="she met ada"), "annotations": [cancelled]},
        {**task(text="she met ada"), "annotations": [last]},
        {"data": {"title": "she met ada"}},
    ]
    reader = stream(export(tmp_path, *tasks))
    assert [s.entities for s in reader] == [(Entity(2, 3, "P"),), None, (Entity(1, 2, "P"),), None]
    assert +reader.unread == {
        "cancelled annotations": 2,
        "further annotations": 1,
        "predictions": 1,
        "drafts": 1,
        "results of type relation": 1,
        "results of type choices": 1,
    }
    with pytest.raises(DataError, match="task 2: no annotation that was not cancelled; expected gold labels"):
        read(export(tmp_path, *tasks), gold=True)


# Results, the entities that are left, their fate, the fault without repair.
FAULTS: dict[str, tuple[list[Any], list[str], str, str]] = {
    "cuts a word": (
        [result(9, 20, text="da lovelace")],
        ["ada lovelace"],
        "snapped",
        "borders of words; expected 8-20",
    ),
    "nested": ([result(8, 20), result(8, 11)], ["ada"], "nested", "overlaps the entity before it"),
    "overlapping": ([result(4, 11), result(8, 20)], ["met ada"], "overlapping", "overlaps the entity before it"),
    "several labels": ([result(8, 11, "P", "Q")], [], "several labels", "'r1', entity 8-11 has the labels ['P', 'Q']"),
    "an empty label": ([result(8, 11, "")], [], "without a label", "has the labels ['']; expected one label"),
    "across lines": ([result(12, 34)], [], "across sentences", "crosses the border of a sentence"),
    "outside": ([result(40, 50)], [], "outside", "holds no word of the text of 34 characters"),
    "another text": ([result(8, 11, text="bob")], [], "text differs", "the text 'bob', which does not stand there"),
    "no numbers": ([result("8", 11)], [], "unreadable", "result 'r1' has no start and end that are whole numbers"),
    "sound": ([result(0.5, 1.5)], [], "unreadable", "no start and end that are whole numbers"),
    "true": ([result(True, 11)], [], "unreadable", "no start and end that are whole numbers"),
    "no value": ([{"type": "labels"}], [], "unreadable", "result None has no start and end"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults(tmp_path: Path, case: str) -> None:
    results, kept, fate, message = FAULTS[case]
    path = export(tmp_path, task(), task(*results))
    told: list[int] = []
    reader = stream(path, repair=True, on_fault=lambda number, text: told.append(number))
    assert [s.surface(e) for s in reader for e in s.entities or ()] == kept
    assert (reader.fates, told) == ({fate: 1}, [2])
    with pytest.raises(DataError, match=r"export\.json: task 2: ") as error:
        read(path)
    assert message in str(error.value)
    assert "--repair" in str(error.value)


def test_utf_16_spans_are_counted_anew(tmp_path: Path) -> None:
    text = "👩‍🚀 met ada 💩 x"
    units = text.encode("utf-16-le")  # the oracle: JavaScript's own way of counting
    start = units.index("ada".encode("utf-16-le")) // 2
    path = export(tmp_path, task(result(start, start + 3, text="ada"), text=text))
    with pytest.raises(DataError, match="task 1: result 'r1', entity 10-13 counts in UTF-16 units"):
        read(path)
    corpus = read(path, repair=True)
    assert [corpus[0].surface(e) for e in corpus[0].entities or ()] == ["ada"]
    assert (corpus.repaired, corpus.skipped) == (1, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", r"export\.json:1: not JSON: .* column 3"),
        ("[" * 100_000, "not JSON"),
        ("[" + "7" * 5000 + "]", r"export\.json: not JSON of tasks: exceeds the limit"),
        ('{"data": {}}', "a JSON list of tasks was expected"),
        ("[]", "holds no sentence; expected a JSON list of tasks"),
        ("[7]", 'task 1: a task without "data"'),
        ('[{"id": 1, "text": "a", "label": []}]', 'task 1: a task without "data"'),
        ('[{"data": {"a": "b", "c": "d"}}]', r"task 1: data has no \"text\", but \['a', 'c'\]"),
        ('[{"data": {"text": 7}}]', 'task 1: data has no "text"'),
        ('[{"data": {"text": " \\n"}}]', "task 1: a document without a word"),
        ('[{"data": {"text": "a\\ud83d"}}]', "task 1: half of a surrogate pair"),
        ('[{"data": {"text": "a b", "words": ["a", "c"]}}]', "task 1: word 'c' does not follow"),
        ('[{"data": {"text": "a"}, "annotations": 7}]', "task 1: annotations is no list"),
        ('[{"data": {"text": "a"}, "annotations": [{"result": {"a": 1}}]}]', "task 1: result is no list"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "export.json", format="labelstudio")


@given(given=st.lists(sentences(), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, given: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "tasks.json"
    with path.open("w", encoding="utf-8", newline="") as handle:
        assert write_labelstudio(given, handle) == len(given)
    came = list(LabelStudioReader(path))
    assert [(*gist(s), s.text, s.offsets) for s in came] == [(*gist(s), *raw_text(s)) for s in given]
    scores = [[e.score for e in s.entities or ()] for s in given]
    assert [[e.score for e in s.entities or ()] for s in came] == scores
    for made in json.loads(path.read_text(encoding="utf-8")):  # as its own import checks them
        for item in made.get("annotations", [{"result": []}])[0]["result"]:
            value = item["value"]
            assert made["data"]["text"][value["start"] : value["end"]] == value["text"]


def test_nothing_is_a_list_too() -> None:
    handle = io.StringIO()
    assert write_labelstudio([], handle) == 0
    assert json.loads(handle.getvalue()) == []
