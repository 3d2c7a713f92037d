"""Label Studio: exports by hand, and round trips."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.convert import convert
from coner.data.formats.labelstudio import LabelStudio, LabelStudioReader
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


def test_each_line_of_a_task_is_a_sentence(tmp_path: Path) -> None:
    path = export(tmp_path, task(result(8, 20, text="ada lovelace"), result(26, 34, "City", score=0.5)))
    first, second = read(path, gold=True)
    assert gist(first) == (("she", "met", "ada", "lovelace", "."), (Entity(2, 4, "P"),), "17-1")
    assert gist(second) == (("in", "new", "york"), (Entity(1, 3, "City"),), "17-2")
    assert second.entities is not None
    assert second.entities[0].score == 0.5


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.json", '\ufeff [{"data": {"a": 1}}]', "labelstudio"),
        ("a.json", '{"text": "a"}', "jsonl"),
        ("a", ' [\n {"data": {"a": 1}}]', "labelstudio"),
        ("a.jsonl", '{"data": {"a": 1}}\n{"data": {"a": 1}}\n', "labelstudio"),
        ("a", "[ada] met bob", "text"),
    ],
)
def test_it_is_detected_by_its_content(tmp_path: Path, name: str, content: str, format: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert detect(tmp_path / name) == format


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
    assert +reader.ignored == {
        "cancelled annotations": 2,
        "further annotations": 1,
        "predictions": 1,
        "drafts": 1,
        "results of type relation": 1,
        "results of type choices": 1,
    }
    with pytest.raises(DataError, match="task 2: got no annotation that was not cancelled; expected gold labels"):
        read(export(tmp_path, *tasks), gold=True)


# Results, the entities that are left, the type of fault, the message without repair.
FAULTS: dict[str, tuple[list[Any], list[str], str, str]] = {
    "cuts a word": (
        [result(9, 20, text="da lovelace")],
        ["ada lovelace"],
        "snapped",
        "starts or ends inside a word; expected 8-20",
    ),
    "overlapping": (
        [result(4, 11), result(8, 20)],
        ["met ada"],
        "overlapping",
        "entity 8-20 'P' overlaps entity 4-11 'P'",
    ),
    "several labels": ([result(8, 11, "P", "Q")], [], "several labels", "'r1', entity 8-11: got labels ['P', 'Q']"),
    "an empty label": ([result(8, 11, "")], [], "without a label", "got labels ['']; expected one label"),
    "across lines": ([result(12, 34)], [], "across sentences", "crosses a sentence boundary"),
    "outside": ([result(40, 50)], [], "outside", "covers no word of the text of 34 characters"),
    "another text": (
        [result(8, 11, text="bob")],
        [],
        "text differs",
        "got the text 'bob'; expected 'ada', the text at",
    ),
    "no numbers": (
        [result("8", 11)],
        [],
        "unreadable",
        "got start '8' and end 11; expected whole numbers",
    ),
    "sound": ([result(0.5, 1.5)], [], "unreadable", "expected whole numbers"),
    "true": ([result(True, 11)], [], "unreadable", "expected whole numbers"),
    "no value": ([{"type": "labels"}], [], "unreadable", "result None: got start None and end None"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults(tmp_path: Path, case: str) -> None:
    results, kept, fault, message = FAULTS[case]
    path = export(tmp_path, task(), task(*results))
    reported: list[int] = []
    reader = stream(path, repair=True, on_fault=lambda number, text: reported.append(number))
    assert [s.surface(e) for s in reader for e in s.entities or ()] == kept
    assert (reader.faults, reported) == ({fault: 1}, [2])
    with pytest.raises(DataError, match=r"export\.json: task 2: ") as error:
        read(path)
    assert message in str(error.value)
    assert "--repair" in str(error.value)


def test_spans_in_utf_16_units_are_converted(tmp_path: Path) -> None:
    text = "👩‍🚀 met ada 💩 x"
    units = text.encode("utf-16-le")  # the oracle: JavaScript's own way of counting
    start = units.index("ada".encode("utf-16-le")) // 2
    path = export(tmp_path, task(result(start, start + 3, text="ada"), text=text))
    corpus = read(path)
    assert [corpus[0].surface(e) for e in corpus[0].entities or ()] == ["ada"]
    assert (corpus.repaired, corpus.skipped) == (1, 0)
    assert corpus.notes == ("offsets are read as UTF-16 code units: 1 entity",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", r"export\.json:1: not JSON: .* column 3"),
        ("[" * 100_000, "not the JSON of tasks: nested"),
        ("[" + "7" * 5000 + "]", r"export\.json: not the JSON of tasks: exceeds the limit"),
        ('{"data": {}}', r"task 1: got data with \[\]; expected a string"),
        ('{"data": {"text": "a"}}\n{"', r"export\.json:2: not JSON"),
        ("[]", "got no sentence; expected a JSON list of Label Studio tasks"),
        ("[7]", 'task 1: got a task without "data"'),
        ('[{"id": 1, "text": "a", "label": []}]', 'task 1: got a task without "data"'),
        ('[{"data": {"a": "b", "c": "d"}}]', r"task 1: got data with \['a', 'c'\]; expected a string"),
        ('[{"data": {"text": 7}}]', r"task 1: got data with \['text'\]"),
        ('[{"data": {"text": " \\n"}}]', "task 1: got a document without a word"),
        ('[{"data": {"text": "a\\ud83d"}}]', "task 1: got a lone surrogate"),
        ('[{"data": {"text": "a b", "words": ["a", "c"]}}]', "task 1: got word 'c', which does not follow"),
        (
            '[{"data": {"image": "/a"}, "annotations": [{"result": [{"type": "brushlabels", "original_width": 9}]}]}]',
            "got results of type brushlabels, which label images; expected results on text",
        ),
        ('[{"data": {"text": "a"}, "annotations": 7}]', "task 1: got annotations 7; expected a list"),
        ('[{"data": {"text": "a"}, "annotations": [{"result": {"a": 1}}]}]', "task 1: got result .*; expected a list"),
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
        LabelStudio().write_text(given, handle)
    read_back = list(LabelStudioReader(path))
    assert [(*gist(s), s.text, s.offsets) for s in read_back] == [(*gist(s), *raw_text(s)) for s in given]
    scores = [[e.score for e in s.entities or ()] for s in given]
    assert [[e.score for e in s.entities or ()] for s in read_back] == scores
    for made in json.loads(path.read_text(encoding="utf-8")):  # as its own import checks them
        for item in made.get("annotations", made.get("predictions", [{"result": []}]))[0]["result"]:
            value = item["value"]
            assert made["data"]["text"][value["start"] : value["end"]] == value["text"]


def test_no_sentence_is_an_empty_list() -> None:
    handle = io.StringIO()
    LabelStudio().write_text([], handle)
    assert json.loads(handle.getvalue()) == []


# The forms of other versions, written by small oracles: a text, its spans with their labels, to the task.


def hypertext(start: int, end: int, text: str, label: str, *, nodes: bool) -> dict[str, Any]:
    node = {"start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "startOffset": start, "endOffset": end}
    value = {**node, "text": text[start:end], "hypertextlabels": [label]}
    value |= {} if nodes else {"globalOffsets": {"start": start, "end": end}, "end": "/div[2]/text()[1]"}
    return {"id": "r", "from_name": "x", "to_name": "y", "type": "hypertextlabels", "value": value}


def minimal(text: str, spans: list[tuple[int, int, str]]) -> dict[str, Any]:
    regions = [{"start": a, "end": b, "text": text[a:b], "labels": [label]} for a, b, label in spans]
    about = {"annotator": 1, "annotation_id": 4, "created_at": "2024", "updated_at": "2024", "lead_time": 1.5}
    return {"id": 17, "body": text, **({"mention": regions} if regions else {}), **about}


def plain(text: str, spans: list[tuple[int, int, str]]) -> list[Any]:
    return [result(a, b, label, text=text[a:b]) for a, b, label in spans]


VERSIONS: dict[str, Callable[[str, list[tuple[int, int, str]]], Any]] = {
    "completions": lambda text, spans: {
        "id": 17,
        "completions": [{"id": 1, "result": plain(text, spans)}],
        "data": {"text": text},
    },
    "another key": lambda text, spans: {
        "id": 17,
        "annotations": [{"result": plain(text, spans)}],
        "data": {"body": text},
    },
    "global offsets": lambda text, spans: task(
        *(hypertext(a, b, text, label, nodes=False) for a, b, label in spans), text=text
    ),
    "offsets of one node": lambda text, spans: task(
        *(hypertext(a, b, text, label, nodes=True) for a, b, label in spans), text=text
    ),
    "JSON-MIN": minimal,
    "predictions": lambda text, spans: {
        "id": 17,
        "data": {"text": text},
        "predictions": [{"model_version": "m", "score": 0.5, "result": plain(text, spans)}, {"result": []}],
    },
}


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """A text of words that are not part of one another, and spans of words in it."""
    words = [f"{draw(st.sampled_from(['ada', 'né', 'мир', 'कि']))}{i}x" for i in range(draw(st.integers(1, 6)))]
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    labels = [draw(st.sampled_from(["", "P", "Q"])) for _ in words]
    return " ".join(words), [(a, a + len(w), x) for a, w, x in zip(starts, words, labels, strict=True) if x]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lines", [False, True])
@given(given=st.lists(texts(), min_size=1, max_size=3))
@settings(max_examples=20)
def test_every_version_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    version: str,
    lines: bool,
    given: list[tuple[str, list[tuple[int, int, str]]]],
) -> None:
    tasks = [VERSIONS[version](text, spans) for text, spans in given]
    path = tmp_path_factory.getbasetemp() / ("tasks.jsonl" if lines else "tasks.json")
    path.write_text("\n".join(map(json.dumps, tasks)) if lines else json.dumps(tasks), encoding="utf-8")
    corpus = read(path)
    found = [[(s.surface(e), e.label) for e in s.entities or ()] for s in corpus]
    assert found == [[(text[a:b], label) for a, b, label in spans] for text, spans in given]
    assert [(s.text, s.id, s.entities is None) for s in corpus] == [(text, "17", False) for text, _ in given]


def test_predictions_are_not_gold(tmp_path: Path) -> None:
    results = [result(8, 20, score=0.5), result(0, 3)]
    guess = {"data": {"text": TEXT[:20]}, "predictions": [{"result": results, "score": 0.25}]}
    path = export(tmp_path, guess)
    with pytest.raises(DataError, match="task 1: got only predictions; expected gold labels"):
        read(path, gold=True)
    for options in ({}, {"gold": True, "predicted": True}):
        corpus = read(path, **options)  # type: ignore[arg-type]
        assert [e.score for s in corpus for e in s.entities or ()] == [0.25, 0.5]
    assert corpus.notes == ("tasks without annotation whose prediction is read: 1",)


def test_predictions_are_written_as_predictions(tmp_path: Path) -> None:
    scored = Sentence(("ada", "met", "bob"), (Entity(0, 1, "P", 0.75), Entity(2, 3, "P")))
    given = [scored, Sentence(("nobody",), ()), Sentence(("x",))]
    path = tmp_path / "tasks.json"
    LabelStudio().write(given, path)
    first, second, third = json.loads(path.read_text())
    assert [item["value"]["text"] for item in first["predictions"][0]["result"]] == ["ada", "bob"]
    assert (second["predictions"], third.keys()) == ([{"result": []}], {"data"})
    assert "annotations" not in str(path.read_text())
    LabelStudio().write([Sentence(("ada",), (Entity(0, 1, "P"),)), given[1]], path)
    assert "predictions" not in path.read_text()
    convert(str(path), tmp_path / "again.json", to="labelstudio", as_predictions=True)
    assert "annotations" not in (tmp_path / "again.json").read_text()


def test_results_of_other_types_are_not_gold_without_entities(tmp_path: Path) -> None:
    choice = {"type": "choices", "value": {"choices": ["x"]}}
    other = {"type": "timelinelabels", "value": {"start": "0", "end": "0", "timelinelabels": ["P"]}}
    path = export(tmp_path, task(choice))
    with pytest.raises(DataError, match="task 1: got annotations only under 'results of type choices'; expected resul"):
        read(path)
    with pytest.raises(DataError, match="task 1: got only 'results of type choices'; expected gold labels"):
        read(path, gold=True)
    corpus = read(export(tmp_path, task(choice), task(other), task(result(0, 3))))
    assert [s.entities for s in corpus] == [(), (), None, None, (Entity(0, 1, "P"),), ()]
    assert corpus.notes == ("not read: results of type choices 1, results of type timelinelabels 1",)


def test_annotations_under_other_keys_are_counted(tmp_path: Path) -> None:
    old = {"data": {"text": "ada"}, "labellings": [{"result": [result(0, 3)]}]}
    with pytest.raises(DataError, match="task 1: got annotations only under 'labellings'"):
        read(export(tmp_path, old))
    corpus = read(export(tmp_path, old, task(result(0, 3), text="ada")))
    assert [s.entities for s in corpus] == [None, (Entity(0, 1, "P"),)]
    assert corpus.notes == ("not read: annotations under 'labellings' 1",)


def test_the_text_is_the_string_in_which_the_repeated_texts_stand(tmp_path: Path) -> None:
    data = {"report": "ada met bob", "source": "web", "lang": "en"}
    proved = {"data": data, "annotations": [{"result": [result(8, 11, text="bob")]}]}
    empty = {"data": {**data, "report": "nobody"}, "annotations": [{"result": []}]}
    assert [s.text for s in read(export(tmp_path, empty, proved), gold=True)] == ["nobody", "ada met bob"]
    with pytest.raises(DataError, match=r"task 1: got data with \['lang', 'report', 'source'\]; .*, or --text KEY"):
        read(export(tmp_path, empty))
    assert [s.text for s in read(export(tmp_path, empty), text="report")] == ["nobody"]
    with pytest.raises(DataError, match="expected a string 'body'"):
        read(export(tmp_path, empty), text="body")


def test_offsets_in_html_do_not_count_its_tags(tmp_path: Path) -> None:
    shown = "ada & bob"
    html = "<p>ada &amp; <b>bob</b></p>"
    places = [hypertext(6, 9, shown, "P", nodes=False)]
    corpus = read(export(tmp_path, task(*places, text=html), task(text="<i>nobody</i>")))
    assert [(s.text, [s.surface(e) for e in s.entities or ()]) for s in corpus] == [(shown, ["bob"]), ("nobody", [])]
    assert corpus.notes == ("not read: texts with tags of HTML, without the tags 2",)


def test_tasks_may_be_in_an_object(tmp_path: Path) -> None:
    tasks = [task(result(8, 20, text="ada lovelace")), task()]
    expected = [gist(sentence) for sentence in read(export(tmp_path, *tasks))]
    for number, filler in enumerate(("", "x" * 100_000)):  # also if the start that decides about the format is cut off
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"project": {"id": 4}, "tasks": tasks, "note": filler}), encoding="utf-8")
        assert detect(path) == "labelstudio"
        corpus = read(path, gold=True)
        assert [gist(sentence) for sentence in corpus] == expected
        assert corpus.notes == ("not read: values under 'project' 1, values under 'note' 1",)
    path.write_text(json.dumps({"tasks": [{"text": "ada", "entities": []}]}), encoding="utf-8")
    assert detect(path) == "json"


def test_the_start_of_many_tasks_in_an_object_decides(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"tasks": [task(result(8, 20)) for _ in range(1000)]}), encoding="utf-8")
    assert detect(path) == "labelstudio"
    assert len(read(path)) == 2000


def test_the_text_may_be_in_an_object_in_the_data(tmp_path: Path) -> None:
    def nested(data: dict[str, Any], *results: Any) -> dict[str, Any]:
        return task(*results) | {"data": data}

    deep = {"report": {"body": {"text": TEXT}}}
    [first, _] = read(export(tmp_path, nested(deep, result(8, 20))), gold=True)
    assert gist(first)[1] == (Entity(2, 4, "P"),)
    two = {"title": "in rome", "report": {"lang": "en", "body": TEXT}, "id": "a"}
    proved = result(8, 20, text="ada lovelace")
    assert gist(read(export(tmp_path, nested(two, proved)))[0])[1] == (Entity(2, 4, "P"),)
    [title] = read(export(tmp_path, nested(two)))  # the only string that is in no object
    assert title.words == ("in", "rome")
    assert read(export(tmp_path, nested(two)), text="report.body")[1].words == ("in", "new", "york")
    del two["title"]
    with pytest.raises(DataError, match=r"got data with \['report.body', 'report.lang'\]; .*, or --text KEY"):
        read(export(tmp_path, nested(two)))


def test_the_annotation_that_is_ground_truth_counts(tmp_path: Path) -> None:
    first, true = {"result": [result(8, 11)]}, {"result": [result(4, 7)], "ground_truth": True}
    reader = stream(export(tmp_path, {**task(text="she met ada"), "annotations": [first, true]}))
    assert [s.entities for s in reader] == [(Entity(1, 2, "P"),)]
    assert reader.notes == ["not read: further annotations 1"]


def test_paragraphs_are_lines_of_one_text(tmp_path: Path) -> None:
    dialogue = [{"author": "A", "text": "she met ada"}, {"author": "B", "text": "in new york"}]

    def paragraph(start: int, end: int, first: int, last: int, text: str) -> dict[str, Any]:
        value = {"start": str(start), "end": str(end), "startOffset": first, "endOffset": last, "text": text}
        return {"id": "a", "type": "paragraphlabels", "value": {**value, "paragraphlabels": ["P"]}}

    found = [paragraph(0, 0, 8, 11, "ada"), paragraph(1, 1, 3, 11, "new york")]
    tasks = {"id": 1, "data": {"dialogue": dialogue}, "annotations": [{"result": found}]}
    assert [(s.text, s.entities) for s in read(export(tmp_path, tasks))] == [
        ("she met ada", (Entity(2, 3, "P"),)),
        ("in new york", (Entity(1, 3, "P"),)),
    ]
    tasks["annotations"] = [{"result": [paragraph(0, 0, 8, 11, "bob")]}]
    with pytest.raises(DataError, match="task 1: entity 8-11 'P': got the text 'bob'; expected 'ada'"):
        read(export(tmp_path, tasks))


@pytest.mark.parametrize("address", ["https://host/a.txt", "s3://bucket/a.txt", "/data/upload/1/a.txt"])
def test_the_address_of_a_text_is_not_a_text(tmp_path: Path, address: str) -> None:
    with pytest.raises(DataError, match=rf"task 1: got '{address}', the address of a text; expected the text itself"):
        read(export(tmp_path, task(result(0, 3, text="ada"), text=address)))
    assert read(export(tmp_path, task(text=address)))[0].text == address


def test_places_in_nodes_of_html_are_those_of_its_text(tmp_path: Path) -> None:
    html = "<p>she met <b>ada</b> &amp; bob<br>in new <i>york</i></p><!-- x --><p>ada</p>"

    def node(first: str, start: int, last: str, end: int, text: str) -> dict[str, Any]:
        value = {"start": first, "end": last, "startOffset": start, "endOffset": end, "text": text}
        return {"id": "a", "type": "hypertextlabels", "value": {**value, "hypertextlabels": ["P"]}}

    found = [
        node("/p[1]/b[1]/text()[1]", 0, "/p[1]/b[1]/text()[1]", 3, "ada"),
        node("/p[1]/text()[2]", 3, "/p[1]/text()[2]", 6, "bob"),
        node("/p[1]/text()[3]", 3, "/p[1]/i[1]/text()[1]", 4, "new york"),
        node("/p[2]/text()[1]", 0, "/p[2]/text()[1]", 3, "ada"),
    ]
    for key in ("annotations", "completions"):
        path = export(tmp_path, {"id": 1, "data": {"html": html}, key: [{"result": found}]})
        [sentence] = read(path, repair=True)
        assert sentence.text == "she met ada & bobin new yorkada"
        places = [(mention.start, mention.end) for mention in sentence.entities or ()]
        assert places == [(2, 3), (4, 5), (5, 7)]  # the last two share the word "yorkada": the outer one is kept


@pytest.mark.parametrize("name", ["1.json", "1.jsonl", "1"])
def test_an_annotation_around_its_task_is_read(tmp_path: Path, name: str) -> None:
    inner = {"id": 2, "data": {"text": TEXT}}
    (tmp_path / name).write_text(json.dumps({"id": 3, "result": [result(8, 20)], "task": inner}))
    first, second = read(tmp_path / name, gold=True)
    assert gist(first) == (("she", "met", "ada", "lovelace", "."), (Entity(2, 4, "P"),), "2-1")
    assert second.entities == ()
