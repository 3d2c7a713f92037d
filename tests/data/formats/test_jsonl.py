"""JSONL: character spans to words and back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data.formats.jsonl import Jsonl, JsonlReader, to_json
from coner.data.reading.words import sentence_from_text


def read(path: Path, *values: Any, **options: Any) -> list[Sentence]:
    file = path / "file.jsonl"
    file.write_text("\n".join(v if isinstance(v, str) else json.dumps(v) for v in values), encoding="utf-8")
    return list(JsonlReader(file, **options))


WORDS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=4)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    words = tuple(draw(st.lists(WORDS, min_size=1, max_size=6)))
    from_text = draw(st.booleans())
    cut = sentence_from_text(draw(st.sampled_from(["", " "])).join(words)) if from_text else Sentence(words)
    entities, at = [], 0
    while at < len(cut) and draw(st.booleans()):
        start = draw(st.integers(at, len(cut) - 1))
        at = draw(st.integers(start + 1, len(cut)))
        entities.append(Entity(start, at, draw(st.sampled_from("XY")), draw(st.floats(0, 1))))
    labelled = tuple(entities) if draw(st.booleans()) else None
    return Sentence(
        cut.words, labelled, draw(st.none() | st.text("ab\n\u2028", min_size=1)), text=cut.text, offsets=cut.offsets
    )


@given(given=st.lists(sentences(), min_size=1, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, given: list[Sentence]) -> None:
    path = tmp_path_factory.getbasetemp() / "x.jsonl"
    with path.open("w", encoding="utf-8", newline="") as handle:
        Jsonl().write_text(given, handle)
    read_back = list(JsonlReader(path))
    assert [(s.words, s.entities, s.id) for s in read_back] == [(s.words, s.entities, s.id) for s in given]
    assert [s.text for s in read_back] == [" ".join(s.words) if s.text is None else s.text for s in given]
    scores = [[e.score for e in s.entities or ()] for s in given]
    assert [[e.score for e in s.entities or ()] for s in read_back] == scores
    assert [to_json(s) for s in read_back] == [to_json(s) for s in given]


@pytest.mark.parametrize("words", [("a", " ", "b"), (" ", " "), ("a", "  ", " \t", "\n", " x")])
def test_words_of_white_space_keep_their_places(tmp_path: Path, words: tuple[str, ...]) -> None:
    given = Sentence(words, (Entity(1, 2, "X"),))
    for values in (to_json(given), {key: value for key, value in to_json(given).items() if key != "text"}):
        [read_back] = read(tmp_path, values)
        assert (read_back.words, read_back.entities) == (given.words, given.entities)


def test_spans_of_characters_become_spans_of_words(tmp_path: Path) -> None:
    text = "she met  ada lovelace."
    spans = [{"start": 9, "end": 21, "label": "Scientist", "score": 0.5}]
    (sentence,) = read(tmp_path, {"id": 7, "text": text, "entities": spans})
    assert sentence.words == ("she", "met", "ada", "lovelace", ".")
    assert sentence.entities == (Entity(2, 4, "Scientist"),)
    assert (sentence.entities[0].score, sentence.id, sentence.line) == (0.5, "7", 1)
    assert to_json(sentence) == {"id": "7", "text": text, "entities": spans}


def test_missing_labels_differ_from_no_entities(tmp_path: Path) -> None:
    unlabelled, empty = read(tmp_path, {"text": "a"}, "", {"text": "b", "entities": []})
    assert (unlabelled.entities, empty.entities, empty.line) == (None, (), 3)


def test_words_may_be_given_with_and_without_their_text(tmp_path: Path) -> None:
    entity = {"start": 0, "end": 8, "label": "X"}
    for text in ("new york!", None):
        values = {"words": ["new york", "!"], "text": text, "entities": [entity]}
        (sentence,) = read(tmp_path, values)
        assert (sentence.words, sentence.entities) == (("new york", "!"), (Entity(0, 1, "X"),))


def span(start: Any, end: Any, label: Any = "X", **more: Any) -> dict[str, Any]:
    return {"text": "ada met bob", "entities": [{"start": start, "end": end, "label": label, **more}]}


FAULTS: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "not JSON": ([{"text": "a"}, '{"text": '], {}, ":2: not JSON: expecting value at column 10"),
    "deep": (["[" * 100_000], {}, ":1: not the JSON of a sentence: nested"),
    "no object": (["[1]"], {}, ":1: got a JSON list; expected an object"),
    "no text": (
        [{"id": "x"}],
        {},
        r":1: got an object with \['id'\]; expected a string .text., or .words., or --text KEY",
    ),
    "no word": ([{"text": " "}], {}, ":1: got text without a word"),
    "half a pair": (['{"text": "a\\ud800"}'], {}, ":1: got a lone surrogate at character 1"),
    "half a pair in a label": ([span(0, 3, "\ud800")], {}, ":1: .*expected a non-empty string of whole characters"),
    "half a pair in an id": (['{"id": "\\ud800", "text": "a"}'], {}, ":1: got id .*expected a string"),
    "words": ([{"words": ["a", ""]}], {}, ":1: got words .*; expected a list of non-empty strings"),
    "words apart from text": ([{"words": ["a", "c"], "text": "a b c"}], {}, ":1: got word 'c', which does not follow"),
    "text goes on": ([{"words": ["a"], "text": "a b"}], {}, ":1: got text after the last word"),
    "inside a word": ([span(0, 2)], {}, r":1: entity 0-2 'X' starts or ends inside a word; expected 0-3"),
    "empty": ([span(3, 3)], {}, ":1: entity 3-3 'X' covers no word"),
    "a space only": ([span(3, 4)], {}, ":1: entity 3-4 'X' covers no word"),
    "outside": ([span(8, 12)], {}, ":1: entity 8-12 'X' covers no word of the text of 11 characters"),
    "negative": ([span(-3, 3)], {}, ":1: entity -3-3 'X' covers no word"),
    "no number": ([span("zero", 3)], {}, ":1: .*got start 'zero'; expected a whole number"),
    "a truth": ([span(0, True)], {}, ":1: .*got end True; expected a whole number"),
    "no label": ([span(0, 3, "")], {}, ":1: .*got label ''; expected a non-empty string"),
    "score": ([span(0, 3, score=2)], {}, ":1: .*got score 2; expected a number from 0 to 1"),
    "entities": ([{"text": "a", "entities": "X"}], {}, ":1: got entities 'X'; expected a list"),
    "overlap": (
        [{"text": "a b c", "entities": [{"start": 2, "end": 5, "label": "X"}, {"start": 0, "end": 3, "label": "Y"}]}],
        {},
        ":1: entity 2-5 'X' overlaps",
    ),
    "unknown label": ([span(0, 3, "Persn")], {"labels": ["Person"]}, ":1: got label 'Persn'.*Fix: write 'Person'"),
    "no gold": ([{"text": "a"}], {"gold": True}, ":1: got no .entities.; expected gold"),
    "nothing but faults": (["{", "[]"], {"repair": True}, ": got no sentence, and 2 faults that were skipped"),
    "nothing": ([""], {}, ": got no sentence"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, name: str) -> None:
    values, options, message = FAULTS[name]
    with pytest.raises(DataError, match=r"file\.jsonl" + message) as caught:
        read(tmp_path, *values, **options)
    assert "\n" not in str(caught.value)


def test_white_space_at_the_ends_of_an_entity_is_not_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "file.jsonl"
    file.write_text("\n".join(json.dumps(span(*place)) for place in [(0, 4), (3, 8), (4, 7)]))
    reader = JsonlReader(file)
    assert [[(e.start, e.end) for e in s.entities or ()] for s in reader] == [[(0, 1)], [(1, 2)], [(1, 2)]]
    assert reader.notes == ["not read: white space at the ends of entities 2"]


def test_repair_extends_entities_to_whole_words_and_skips_other_faults(tmp_path: Path) -> None:
    lines = [span(1, 5), span(3, 4), "{", {"text": "ok", "entities": []}]
    reported: list[int] = []
    path = tmp_path / "file.jsonl"
    path.write_text("\n".join(v if isinstance(v, str) else json.dumps(v) for v in lines))
    reader = JsonlReader(path, repair=True, on_fault=lambda line, _: reported.append(line))
    assert [s.entities for s in reader] == [(Entity(0, 2, "X"),), (), ()]
    assert (reader.repaired, reader.skipped, reported) == (1, 2, [1, 2, 3])


def test_of_two_entities_that_overlap_repair_keeps_the_first(tmp_path: Path) -> None:
    entities = [{"start": 0, "end": 3, "label": "Y"}, {"start": 2, "end": 5, "label": "X"}]
    (sentence,) = read(tmp_path, {"text": "a b c", "entities": entities}, repair=True)
    assert sentence.entities == (Entity(0, 2, "Y"),)


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    handle = io.StringIO()
    Jsonl().write_text([Sentence(("a\u2028b", "c\x85d"), ())], handle)
    assert handle.getvalue().count("\n") == 1


def test_an_edit_moves_entities_and_changes_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    entities = [{"start": 0, "end": 3, "label": "X", "text": "Ana"}, {"start": 4, "end": 7, "label": "Y"}]
    path.write_text(json.dumps({"text": "Ana met", "entities": entities, "lang": "en"}))
    [before] = JsonlReader(path)
    after = sentence_from_text("Anna saw")
    [(number, edit)] = Jsonl().edits(before, after)
    assert number == 1
    assert json.loads(edit(path.read_text())) == {
        "text": "Anna saw",
        "entities": [{"start": 0, "end": 4, "label": "X", "text": "Anna"}, {"start": 5, "end": 8, "label": "Y"}],
        "lang": "en",
    }


@pytest.mark.parametrize(
    "values",
    [
        {"text": "Ana met", "label": [[0, 3, "X"]]},
        {"text": "Ana met", "spans": []},
        {"tokens": ["Ana", "met"], "ner_tags": ["O", "O"]},
        {"text": "\U0001f4a9 Ana", "entities": [{"start": 3, "end": 6, "label": "X", "text": "Ana"}]},
    ],
)
def test_objects_in_other_forms_are_not_edited(tmp_path: Path, values: dict[str, Any]) -> None:
    [before] = read(tmp_path, values)
    [(_, edit)] = Jsonl().edits(before, before)
    with pytest.raises(DataError, match=r"line 1: got an object in another form than coner's own.* coner convert"):
        edit(json.dumps(values))


@pytest.mark.parametrize("id", ["O", "B-City", '[[0, 4, "City"]]'])
def test_an_id_that_looks_like_an_annotation_is_an_id(tmp_path: Path, id: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": id, "text": "Rome", "entities": []}) + "\n", encoding="utf-8")
    (sentence,) = JsonlReader(path)
    assert (sentence.id, sentence.entities) == (id, ())
