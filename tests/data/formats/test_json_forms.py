"""Objects of JSON in the forms of other tools, as lines and as arrays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.tags import TagSet, tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data import Reader, detect, read, stream
from coner.data.formats.json import JsonReader
from coner.data.reading.words import character_span, sentence_from_text
from helpers.awkward import LABELS, PIECES

TEXT = "Ana lives in Rome"
PER, LOC = (Entity(0, 1, "PER"),), (Entity(0, 1, "PER"), Entity(3, 4, "LOC"))


def file(folder: Path, *values: Any, name: str = "x.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(v if isinstance(v, str) else json.dumps(v) for v in values), encoding="utf-8")
    return path


def one(folder: Path, value: Any, **options: Any) -> Sentence:
    [sentence] = read(file(folder, value), **options)
    return sentence


def all_read(reader: Reader) -> list[Sentence]:
    return list(reader)


# The forms, written by small oracles: a sentence with a text, to the value that the tool writes for it.


def spans(sentence: Sentence) -> list[tuple[int, int, str]]:
    return [(*character_span(entity, sentence.offsets), entity.label) for entity in sentence.entities or ()]


def objects(sentence: Sentence, start: str = "start", end: str = "end") -> list[dict[str, Any]]:
    return [{start: a, end: b, "label": label} for a, b, label in spans(sentence)]


def tokens(sentence: Sentence) -> list[dict[str, Any]]:
    placed = enumerate(zip(sentence.words, sentence.offsets, strict=True))
    return [{"text": word, "start": a, "end": b, "id": i, "ws": True} for i, (word, (a, b)) in placed]


def tags(sentence: Sentence) -> list[str]:
    return tags_from_entities(sentence.entities or (), len(sentence))


def ids(sentence: Sentence) -> dict[str, Any]:
    names = TagSet(sorted({e.label for e in sentence.entities or ()}) or ["X"]).tags
    return {"tokens": sentence.words, "ner_tags": [names.index(t) for t in tags(sentence)], "ner_tag_names": names}


def biluo(sentence: Sentence) -> list[str]:
    letters = {"E": "L", "S": "U"}
    written = tags_from_entities(sentence.entities or (), len(sentence), "bioes")
    return [letters.get(tag[0], tag[0]) + tag[1:] for tag in written]


def spaced(sentence: Sentence) -> dict[str, Any]:
    """Words, and whether a space is behind each of them; other white space is lost, as are words that are joined."""
    ends = [b for _, b in sentence.offsets]
    return {"ORTH": sentence.words, "SPACY": [(sentence.text or "")[b : b + 1] == " " for b in ends]}


def nested(sentence: Sentence) -> dict[str, Any]:
    rows = zip(sentence.words, biluo(sentence), strict=True)
    row = {"tokens": [{"id": i, "orth": word, "ner": tag} for i, (word, tag) in enumerate(rows)], "brackets": []}
    return {"id": 7, "paragraphs": [{"raw": sentence.text, "sentences": [row], "cats": []}]}


def offset_and_length(sentence: Sentence) -> list[dict[str, Any]]:
    text = sentence.text or ""
    return [
        {"id": "1", "infons": {"type": label}, "text": text[a:b], "locations": [{"offset": a + 9, "length": b - a}]}
        for a, b, label in spans(sentence)
    ]


FORMS: dict[str, Callable[[Sentence], Any]] = {
    "doccano": lambda s: {"id": 7, "text": s.text, "label": spans(s), "Comments": []},
    "doccano, labels": lambda s: {"id": 7, "text": s.text, "labels": spans(s), "meta": {}},
    "doccano, data": lambda s: {"id": 7, "data": s.text, "label": spans(s)},
    "doccano, relations": lambda s: {
        "id": 7,
        "text": s.text,
        "entities": [{"id": i, **o} for i, o in enumerate(objects(s, "start_offset", "end_offset"))],
        "relations": [],
        "Comments": [],
    },
    "prodigy": lambda s: {"id": 7, "text": s.text, "tokens": tokens(s), "spans": objects(s), "answer": "accept"},
    "prodigy without tokens": lambda s: {"id": 7, "text": s.text, "spans": objects(s), "_input_hash": 1},
    "spaCy's Doc": lambda s: {
        "id": 7,
        "text": s.text,
        "ents": objects(s),
        "sents": [{"start": 0, "end": len(s.text or "")}],
        "tokens": [{"id": i, "start": a, "end": b} for i, (a, b) in enumerate(s.offsets)],
    },
    "tokens and tags": lambda s: {"id": 7, "tokens": s.words, "ner_tags": tags(s), "pos_tags": ["X"] * len(s)},
    "words and ner": lambda s: {"id": 7, "words": s.words, "ner": tags(s)},
    "text, tokens and labels": lambda s: {"id": 7, "text": s.text, "tokens": s.words, "labels": tags(s)},
    "ids": lambda s: {"id": 7, **ids(s)},
    "GLiNER": lambda s: {
        "id": 7,
        "tokenized_text": s.words,
        "ner": [[e.start, e.end - 1, e.label] for e in s.entities or ()],
    },
    "Argilla": lambda s: {
        "id": 7,
        "text": s.text,
        "tokens": s.words,
        "annotation": [[label, a, b] for a, b, label in spans(s)],
        "prediction": None,
    },
    "Dataturks": lambda s: {
        "id": 7,
        "content": s.text,
        "annotation": [
            {"label": [label], "points": [{"start": a, "end": b - 1, "text": (s.text or "")[a:b]}]}
            for a, b, label in spans(s)
        ]
        or None,
        "labels": [],
    },
    "flair": lambda s: {
        "id": 7,
        "text": s.text,
        "entities": [{"start_pos": a, "end_pos": b, "labels": [{"value": label}]} for a, b, label in spans(s)],
    },
    "spaCy 3": lambda s: {
        "id": 7,
        "doc_annotation": {"cats": {}, "entities": spans(s), "links": {}},
        "token_annotation": spaced(s),
    },
    "spaCy 3 with tags": lambda s: {
        "id": 7,
        "doc_annotation": {"entities": tags(s)},
        "token_annotation": spaced(s),
    },
    "words and entities as tags": lambda s: [s.text, {"id": 7, "words": s.words, "entities": tags(s)}],
    "tags in tokens": lambda s: {
        "id": 7,
        "tokens": [{"text": word, "ner": tag} for word, tag in zip(s.words, tags(s), strict=True)],
    },
    "tags under another name": lambda s: {"id": 7, "tokens": s.words, "iob_tags": tags(s)},
    "numbers as floats and strings": lambda s: {
        "id": 7,
        "text": s.text,
        "label": [[float(a), str(b), label] for a, b, label in spans(s)],
    },
    "rows of the viewer": lambda s: {"row_idx": 0, "row": {"id": 7, **ids(s)}, "truncated_cells": []},
    "spaCy's training data": lambda s: [s.text, {"id": 7, "entities": spans(s)}],
    "spaCy 2": nested,
    "DyGIE++": lambda s: {
        "doc_key": "7",
        "sentences": [s.words],
        "ner": [[[e.start, e.end - 1, e.label] for e in s.entities or ()]],
        "relations": [[]],
    },
    "SpERT": lambda s: {
        "tokens": s.words,
        "entities": [{"type": e.label, "start": e.start, "end": e.end} for e in s.entities or ()],
        "relations": [],
        "orig_id": 7,
    },
    "SageMaker Ground Truth": lambda s: {
        "id": 7,
        "source": s.text,
        "my-job": {"annotations": {"entities": objects(s, "startOffset", "endOffset"), "labels": [{"label": "X"}]}},
        "my-job-metadata": {"entities": [{"confidence": 0.5}], "type": "groundtruth/text-span"},
    },
    "Labelbox": lambda s: {
        "data_row": {"id": "ck", "external_id": "7", "row_data": s.text},
        "media_attributes": {"mime_type": "text/plain"},
        "projects": {
            "cl": {
                "name": "NER",
                "labels": [
                    {
                        "label_kind": "Default",
                        "annotations": {
                            "objects": [
                                {"name": label, "annotation_kind": "TextEntity", "location": {"start": a, "end": b - 1}}
                                for a, b, label in spans(s)
                            ],
                            "classifications": [],
                            "relationships": [],
                        },
                    }
                ],
            }
        },
    },
    "Argilla 2": lambda s: {
        "id": "7",
        "fields": {"text": s.text},
        "metadata": {},
        "suggestions": {"spans": {"value": [{"start": 0, "end": 1, "label": "WRONG"}], "score": None, "agent": "x"}},
        "responses": {"spans": [{"value": objects(s), "user_id": "u"}], "good": [{"value": "yes", "user_id": "u"}]},
        "vectors": {"v": [0.1, 0.2]},
        "_server_id": "x",
    },
    "Vertex AI": lambda s: {
        "id": 7,
        "textSegmentAnnotations": [
            {"startOffset": str(a), "endOffset": str(b), "displayName": label} for a, b, label in spans(s)
        ],
        "textContent": s.text,
        "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": "training"},
    },
    "AutoML": lambda s: {
        "id": 7,
        "annotations": [
            {"text_extraction": {"text_segment": {"start_offset": a, "end_offset": b}}, "display_name": label}
            for a, b, label in spans(s)
        ],
        "text_snippet": {"content": s.text},
    },
    "LightTag": lambda s: {
        "example_id": "7",
        "content": s.text,
        "annotations": [
            {"tag": label, "tag_id": "t", "type": "span", "start": a, "end": b, "value": (s.text or "")[a:b]}
            for a, b, label in spans(s)
        ],
    },
    "BioC": lambda s: {
        "id": "7",
        "infons": {},
        "passages": [{"offset": 9, "infons": {}, "text": s.text, "annotations": offset_and_length(s), "relations": []}],
    },
}


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    pieces = st.lists(PIECES.filter(lambda piece: piece not in ("\ufeff", "\u2028", "\u00a0")), min_size=1, max_size=3)
    cut = sentence_from_text(" ".join(map("".join, draw(st.lists(pieces, min_size=1, max_size=5)))))
    entities, at = [], 0
    while at < len(cut) and draw(st.booleans()):
        start = draw(st.integers(at, len(cut) - 1))
        at = draw(st.integers(start + 1, len(cut)))
        entities.append(Entity(start, at, draw(LABELS)))
    return Sentence(cut.words, tuple(entities), "7", text=cut.text, offsets=cut.offsets)


WRITERS: dict[str, tuple[str, Callable[[list[Any]], str]]] = {
    "lines": ("x.jsonl", lambda values: "".join(json.dumps(v) + "\n" for v in values)),
    "lines in .json": ("x.json", lambda values: "".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values)),
    "values over several lines": ("x.json", lambda values: "\n".join(json.dumps(v, indent=1) for v in values)),
    "an array": ("x.json", json.dumps),
    "an array in .jsonl": ("x.jsonl", lambda values: json.dumps(values, indent=1, ensure_ascii=False)),
    "an object with an array": ("x.json", lambda values: json.dumps({"classes": ["X"], "annotations": values})),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("writer", WRITERS)
@given(given=st.lists(sentences(), min_size=1, max_size=3))
@settings(max_examples=15)
def test_each_form_reads_back(
    tmp_path_factory: pytest.TempPathFactory, form: str, writer: str, given: list[Sentence]
) -> None:
    name, write = WRITERS[writer]
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(write([FORMS[form](sentence) for sentence in given]), encoding="utf-8")
    read_back = read(path, gold=True, scheme="bilou" if form == "spaCy 2" else "auto")
    assert [(s.words, s.entities, s.id) for s in read_back] == [(s.words, s.entities, "7") for s in given]


def test_each_line_of_a_document_of_another_tool_is_a_sentence(tmp_path: Path) -> None:
    document = {"id": 3, "text": "Ana lives\nin Rome", "label": [[0, 3, "PER"], [13, 17, "LOC"]]}
    first, second = read(file(tmp_path, document))
    assert [(s.words, s.entities, s.id) for s in (first, second)] == [
        (("Ana", "lives"), (Entity(0, 1, "PER"),), "3-1"),
        (("in", "Rome"), (Entity(1, 2, "LOC"),), "3-2"),
    ]
    own = {"text": "Ana lives\nin Rome", "entities": [{"start": 0, "end": 3, "label": "PER"}]}
    assert len(read(file(tmp_path, own))) == 1


def test_rejected_and_ignored_objects_are_left_out_and_counted(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "label": "PER"}
    answers = [{"text": TEXT, "spans": [span], "answer": answer} for answer in ("accept", "reject", "ignore", "reject")]
    reader = stream(file(tmp_path, *answers))
    assert [s.entities for s in all_read(reader)] == [PER]
    assert +reader.ignored == {"objects with answer 'reject'": 2, "objects with answer 'ignore'": 1}
    assert reader.notes == ["not read: objects with answer 'reject' 2, objects with answer 'ignore' 1"]


@pytest.mark.parametrize(
    "names",
    [
        {"ner_tags_names": ["O", "B-PER"]},
        {"label_list": ["O", "B-PER"]},
        {"id2label": {"0": "O", "1": "B-PER"}},
        {"features": {"ner_tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}}}},
    ],
)
def test_ids_of_tags_have_names_in_the_object_or_the_file(tmp_path: Path, names: dict[str, Any]) -> None:
    tagged = {"tokens": TEXT.split(), "ner_tags": [1, 0, 0, 0]}
    assert one(tmp_path, {**tagged, **names}).entities == PER
    path = file(tmp_path, {"data": [tagged], **names}, name="x.json")
    assert [s.entities for s in read(path)] == [PER]


def test_ids_of_tags_without_names_are_refused_and_can_be_renamed(tmp_path: Path) -> None:
    tagged = {"tokens": TEXT.split(), "ner_tags": [1, 0, 0, 3]}
    for repair in (False, True):
        with pytest.raises(
            DataError, match=r"x\.jsonl:1: got numbers as ner_tags without names: 0, 1, 3.*--rename 0=O"
        ):
            one(tmp_path, tagged, repair=repair)
    rename = {"0": "O", "1": "B-PER", "3": "B-LOC"}
    corpus = read(file(tmp_path, tagged), rename=rename)
    assert [s.entities for s in corpus] == [LOC]
    assert corpus.notes == ()
    with pytest.raises(DataError, match="without names: 3"):
        one(tmp_path, tagged, rename={"0": "O", "1": "B-PER"})


def test_ids_of_labels_need_names_too(tmp_path: Path) -> None:
    old = {"text": TEXT, "annotations": [{"label": 2, "start_offset": 0, "end_offset": 3, "user": 1}]}
    with pytest.raises(DataError, match=r"x\.jsonl:1: .*got label 2; expected .*, or --rename 2=NAME"):
        one(tmp_path, old)
    assert one(tmp_path, old, rename={"2": "PER"}).entities == PER


UNREAD: dict[str, dict[str, Any]] = {
    "another key": {"text": TEXT, "mentions": [{"start": 0, "end": 3, "label": "PER"}]},
    "triples": {"text": TEXT, "mentions": [[0, 3, "PER"]]},
    "below": {"text": TEXT, "result": {"gold": {"spans": [[0, 3, "PER"]]}}},
    "by label": {"text": TEXT, "mentions": {"PER": [{"begin": 0, "end": 3, "type": "PER"}]}},
    "with other names": {"text": TEXT, "Entities": [{"BeginOffset": 0, "EndOffset": 3, "Type": "PER", "Score": 0.9}]},
    "of texts": {"text": TEXT, "annotations": [{"mention": "Ana", "label": "PER"}]},
    "pairs": {"text": TEXT, "ner": [["Ana", "PER"]]},
    "pairs by label": {"text": TEXT, "label": {"PER": [[0, 3]]}},
    "a string": {"text": TEXT, "label": "[[0, 3, 'PER']]"},
    "a string with the label first": {"text": TEXT, "annotation": "[('PER', 0, 3)]"},
    "of a span categorizer": {"text": TEXT, "spans": {"sc": [[0, 3, "PER"]]}},
    "places of tokens": {"text": TEXT, "spans": [{"token_start": 0, "token_end": 0, "label": "PER"}]},
    "tags": {"tokens": TEXT.split(), "my_tags": ["B-PER", "O", "O", "O"]},
    "a string of tags": {"text": TEXT, "my_tags": "B-PER O O O"},
    "ids": {"tokens": TEXT.split(), "ner_ids": [1, 0, 0, 0]},
    "beside an empty list": {"text": TEXT, "entities": [], "mentions": [[0, 3, "PER"]]},
}


@pytest.mark.parametrize("case", UNREAD)
def test_annotations_under_other_keys_are_never_lost_silently(tmp_path: Path, case: str) -> None:
    values = UNREAD[case]
    key = next(name for name in values if name not in ("text", "tokens", "entities"))
    path = file(tmp_path, {"text": "Bob"}, values)
    with pytest.raises(
        DataError,
        match=rf"x\.jsonl:2: got annotations only under '{key}'(;|, in a form ).*Fix",
    ):
        read(path)
    with pytest.raises(DataError, match=rf"x\.jsonl:1: got annotations only under '{key}'; expected gold labels"):
        read(file(tmp_path, values), gold=True)
    corpus = read(file(tmp_path, values, {"text": "Bob", "entities": []}))
    assert [s.entities for s in corpus] == [None, ()]  # not: no entity
    assert f"not read: annotations under '{key}' " in corpus.notes[0]


def test_words_and_tags_may_be_strings(tmp_path: Path) -> None:
    for values in (
        {"sentence": TEXT, "tags": "B-PER O O B-LOC"},
        {"text": TEXT, "labels": ["B-PER", "O", "O", "B-LOC"]},
        {"tokens": TEXT, "ner_tags": "B-PER O O B-LOC"},
        {"text": TEXT, "entities": ["U-PER", "O", "O", "U-LOC"]},
    ):
        assert one(tmp_path, values).entities == LOC
    with pytest.raises(DataError, match=r"x\.jsonl:1: got 3 tags for 4 words; expected a tag per word"):
        one(tmp_path, {"text": TEXT, "tags": "B-PER O O"})
    with pytest.raises(DataError, match=r"x\.jsonl:1: got an object per word; expected one per sentence"):
        one(tmp_path, {"sentence_id": 0, "words": "Ana", "labels": "B-PER"})


def test_inclusive_ends_are_known_by_the_form(tmp_path: Path) -> None:
    cluener = {"text": "浙商银行的叶老桂", "label": {"name": {"叶老桂": [[5, 7]]}, "company": {"浙商银行": [[0, 3]]}}}
    assert [(e.start, e.end, e.label) for e in one(tmp_path, cluener).entities or ()] == [
        (0, 4, "company"),
        (5, 8, "name"),
    ]
    ubiai = {"document": TEXT, "tokens": [{"text": "Ana", "start": 0, "end": 3, "entityLabel": "PER"}]}
    assert one(tmp_path, ubiai).entities == PER


def test_a_text_that_was_accepted_without_spans_has_no_entity(tmp_path: Path) -> None:
    task = {"text": "Bob", "tokens": [{"text": "Bob", "start": 0, "end": 3, "id": 0}], "answer": "accept"}
    assert one(tmp_path, task, gold=True).entities == ()
    assert one(tmp_path, {**task, "_view_id": "classification"}).entities is None


def test_a_file_of_rejected_objects_is_refused_with_their_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no sentence, but objects with answer 'reject' 1; expected"):
        read(file(tmp_path, {"text": "Bob", "spans": [], "answer": "reject"}))


@pytest.mark.parametrize(
    "table",
    [
        {"tokens": [["Ana"], ["Bob", "sings"]], "ner_tags": [["B-PER"], ["B-PER", "O"]]},
        {"tokens": {"0": ["Ana"], "1": ["Bob", "sings"]}, "ner_tags": {"0": ["B-PER"], "1": ["B-PER", "O"]}},
        {"text": ["Ana", "Bob sings"], "label": [[[0, 3, "PER"]], [[0, 3, "PER"]]]},
    ],
)
def test_a_table_by_columns_is_read_by_rows(tmp_path: Path, table: dict[str, Any]) -> None:
    path = file(tmp_path, table, name="x.json")
    assert [(s.words, s.entities) for s in read(path)] == [(("Ana",), PER), (("Bob", "sings"), PER)]


def test_the_items_of_an_array_are_not_looked_into(tmp_path: Path) -> None:
    for count in (1, 2):
        path = file(tmp_path, [{"sentence": ["Ana"], "ner": [{"index": [0], "type": "PER"}]}] * count, name="x.json")
        with pytest.raises(DataError, match=r"object 1: got an object with \['sentence', 'ner'"):
            read(path)
    rasa = {
        "rasa_nlu_data": {"common_examples": [{"text": "Ana", "entities": [{"start": 0, "end": 3, "entity": "PER"}]}]}
    }
    assert [s.entities for s in read(file(tmp_path, rasa, name="x.json"))] == [PER]


def test_python_is_not_json(tmp_path: Path) -> None:
    for content in ("[('Ana', {'entities': [(0, 3, 'PER')]})]", "{'text': 'Ana', 'entities': []}"):
        with pytest.raises(DataError, match=r"x\.json:1: not JSON: .*; it looks like Python: write it with json.dump"):
            read(file(tmp_path, content, name="x.json"))


def test_the_types_that_gliner_may_predict_are_not_tags(tmp_path: Path) -> None:
    asked = {"tokenized_text": ["Ana", "lives"], "ner": [[0, 0, "PER"]], "label": ["PER", "LOC"]}
    assert one(tmp_path, asked).entities == PER


def test_what_is_not_annotated_is_read_without_labels(tmp_path: Path) -> None:
    values: list[Any] = [
        {"text": TEXT, "tags": ["news"], "label": "positive", "meta": {"start": 1, "end": 3}, "title": "B-side"},
        {"tokens": TEXT.split(), "pos_tags": ["X"] * 4, "ner_tags": None, "boxes": [[0, 0, 9, 9]] * 4},
        {"text": TEXT, "label": None, "spans": None},
    ]
    reader = stream(file(tmp_path, *values))
    assert [s.entities for s in all_read(reader)] == [None, None, None]
    assert +reader.ignored == {"labels under 'tags'": 1, "labels under 'label'": 1, "labels under 'pos_tags'": 1}


def test_the_text_is_the_string_in_which_the_repeated_texts_stand(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "label": "PER", "text": "Ana"}
    values = [
        {"source": "web", "report": TEXT, "spans": [span]},
        {"source": "book", "report": "Bob sings", "spans": []},
        {"text": "A title", "report": TEXT, "spans": [span]},
    ]
    assert [s.text for s in read(file(tmp_path, *values))] == [TEXT, "Bob sings", TEXT]
    with pytest.raises(DataError, match=r"x\.jsonl:1: got an object with \['source', 'report'.*, or --text KEY"):
        read(file(tmp_path, values[1]))
    assert one(tmp_path, values[1], text="report").text == "Bob sings"
    assert one(tmp_path, {"text": "a", "w": ["Ana", "b"]}, text="w").words == ("Ana", "b")
    with pytest.raises(DataError, match=r"expected a string 'body', or --text KEY"):
        one(tmp_path, values[1], text="body")


def test_the_repeated_text_proves_the_unit_of_the_offsets(tmp_path: Path) -> None:
    text = "💩💩 Ana 💩 lives in Rome"
    units = text.encode("utf-16-le")
    places = {word: units.index(word.encode("utf-16-le")) // 2 for word in ("Ana", "Rome")}
    found = [{"start": at, "end": at + len(word), "label": "X", "text": word} for word, at in places.items()]
    corpus = read(file(tmp_path, {"text": text, "entities": found}))
    assert [corpus[0].surface(entity) for entity in corpus[0].entities or ()] == ["Ana", "Rome"]
    assert any("UTF-16" in note for note in corpus.notes)
    found[0]["text"] = "Bob"
    with pytest.raises(DataError, match="got the text 'Bob'"):
        one(tmp_path, {"text": "Ana", "entities": [{"start": 0, "end": 3, "label": "X", "text": "Bob"}]})


NO_FORM: dict[str, tuple[str, str]] = {
    "a number": ("[7]", "object 1: got a JSON int; expected an object"),
    "texts": ('["ada", "bob"]', "object 1: got a JSON str; expected an object"),
    "no text": ('[{"a": 1}]', r"object 1: got an object with \['a'\]; expected a string"),
    "nothing": ("[]", "got no sentence; expected an array of objects"),
    "nulls": ("[null]", "got no sentence"),
    "half an array": ('[{"text": "a"}', "x.json:1: not JSON"),
    "half a line": ('{"text": "a"}\n{"te', "x.json:2: not JSON"),
    "deep": ("[" * 100_000, "not the JSON of objects: nested too deeply"),
    "a huge number": ("[" + "7" * 5000 + "]", "not the JSON of objects: exceeds the limit"),
    "not a number": ('[{"text": "ada", "entities": [{"start": NaN, "end": 3, "label": "X"}]}]', "got start nan"),
    "half a pair in a tag": (
        '[{"tokens": ["Rome"], "ner_tags": ["B-LOC\\ud800"]}]',
        "with a lone surrogate; expected whole characters",
    ),
    "half a pair": ('[{"text": "a\\ud800", "label": []}]', "got a lone surrogate"),
    "half a pair as key": ('[{"\\ud800": [[0, 1, "X"]], "text": "a"}]', r"got annotations only under '\\ud800'"),
    "several arrays": ('{"train": [{"text": "a"}], "dev": [{"text": "b"}]}', "arrays under 'train', 'dev'.*Fix: jq"),
    "spans of words": (
        '[{"tokens": ["a", "b"], "entities": [[0, 1, "X"]], "lang": "en"}]',
        "got spans without the text",
    ),
    "spans of type": (
        '[{"words": ["a"], "entities": [{"start": 0, "end": 1, "type": "X"}]}]',
        "got spans without the t",
    ),
    "too few tags": ('[{"tokens": ["a", "b"], "ner_tags": ["O"]}]', "got 1 ner_tags for 2 words"),
    "words of GLiNER": ('[{"tokenized_text": ["a"], "ner": [[0, 1, "X"]]}]', "covers other words than the 1"),
    "no triple": ('[{"text": "a", "label": [[0, 1, "X"], [0, 1]]}]', r"got entity \[0, 1\]; expected an object, or \["),
    "null among tags": (
        '[{"tokens": ["a", "b"], "ner_tags": ["O", null]}]',
        "got None among ner_tags; expected a tag or O",
    ),
    "other keys of places": (
        '[{"text": "a", "entities": [{"start_idx": 0, "end_idx": 0, "type": "X"}]}]',
        "got no start; expected objects with start, end and label",
    ),
    "entities by label": ('[{"text": "a", "entities": {"X": ["a"]}}]', "got entities .*; expected a list"),
    "no paragraphs": ('[{"paragraphs": [7]}]', r"got paragraphs \[7\]; expected a list of objects"),
    "no orth": (
        '[{"paragraphs": [{"sentences": [{"tokens": [{"ner": "O"}]}]}]}]',
        "got orth .*; expected a list of non",
    ),
}


@pytest.mark.parametrize("case", NO_FORM)
def test_what_has_no_form_is_one_line(tmp_path: Path, case: str) -> None:
    content, message = NO_FORM[case]
    with pytest.raises(DataError, match=message) as caught:
        list(JsonReader(file(tmp_path, content, name="x.json")))
    assert "\n" not in str(caught.value)
    assert "Label Studio" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.json", '{"text": "a"}', "jsonl"),
        ("a.json", '{\n "text": "a"\n}', "json"),
        ("a.json", '[{"text": "a"}]', "json"),
        ("a.jsonl", '[\n{"text": "a"}]', "json"),
        ("a.json", "[]", "json"),
        ("a", '[["ada", {"entities": []}]]', "json"),
        ("a.jsonl", '["ada", {"entities": []}]\n', "json"),
        ("a.json", '[{"data": {"text": "a"}}]', "labelstudio"),
        ("a.jsonl", '{"data": {"text": "a"}, "annotations": []}\n', "labelstudio"),
        ("a.json", '[{"id": 1, "text": "a", "annotation_id": 3}]', "labelstudio"),
        ("a.jsonl", '{"id": 1, "data": "a", "label": []}', "jsonl"),
        ("a.json", '[{"id": 1, "data": "a", "label": []}]', "json"),
        ("a.json", '{"classes": [], "annotations": [["ada", {"entities": []}]]}', "json"),
        ("a.jsonl", "", "jsonl"),
        ("a.jsonl", "{", "jsonl"),
        ("a", '{"text": "' + "a" * 70_000 + '"}', "jsonl"),
        ("a", '[{"id": 1, "annotations": [], "data": {"text": "' + "a" * 70_000 + '"}}]', "labelstudio"),
        ("a", "[ada] met bob", "text"),
        ("a", "[[ada]] met bob", "text"),
    ],
)
def test_the_keys_decide_about_the_format(tmp_path: Path, name: str, content: str, format: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert detect(tmp_path / name) == format


def test_documents_of_spacy_2(tmp_path: Path) -> None:
    def row(*tagged: tuple[str, str | None]) -> dict[str, Any]:
        return {"tokens": [{"orth": word, **({} if tag is None else {"ner": tag})} for word, tag in tagged]}

    rows = [row(("Ana", "U-PER"), (" \n", "O"), ("sings", "-")), row(("No", "-"), ("one", "-")), row(("x", "O"))]
    raw = {"raw": "Bob sings", "sentences": [row(("Bob", None), ("sings", None))], "entities": [[0, 3, "PER"]]}
    reader = stream(file(tmp_path, [{"id": 4, "paragraphs": [{"sentences": rows}, raw]}], name="x.json"))
    assert [(s.words, s.entities, s.id) for s in all_read(reader)] == [
        (("Ana", "sings"), PER, "4-1"),
        (("No", "one"), None, "4-2"),
        (("x",), (), "4-3"),
        (("Bob", "sings"), PER, "4-4"),
    ]
    assert +reader.ignored == {"words without annotation": 1}


def test_what_spacy_itself_writes(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    from spacy.training import docs_to_json

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("Ana Maria lives in Rome. Bob")
    doc.ents = [
        doc.char_span(0, 9, label="PER"),
        doc.char_span(19, 23, label="LOC"),
        doc.char_span(25, 28, label="PER"),
    ]
    assert [s.surface(e) for s in read(file(tmp_path, doc.to_json())) for e in s.entities or ()] == [
        "Ana Maria",
        "Rome",
        "Bob",
    ]
    first, second = read(file(tmp_path, [docs_to_json([doc])], name="x.json"))
    assert first.words == ("Ana", "Maria", "lives", "in", "Rome", ".")
    assert (first.entities, second.entities) == ((Entity(0, 2, "PER"), Entity(4, 5, "LOC")), PER)


def test_a_text_that_ner_annotator_passed_over_is_counted(tmp_path: Path) -> None:
    values = {"classes": ["PER"], "annotations": [[TEXT, {"entities": [[0, 3, "PER"]]}], None]}
    reader = stream(file(tmp_path, values, name="x.json"))
    assert [s.entities for s in all_read(reader)] == [PER]
    assert +reader.ignored == {"objects that are null": 1}


REPEATED = '{"text": "Ana", "label": [[0, 3, "PER"]], "label": []}'


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.jsonl", f'{{"text": "a"}}\n{REPEATED}\n', 2),
        ("x.json", f'[{{"text": "a",\n "meta": [1]}},\n{REPEATED}]', 3),
        ("x.json", f'\n[\n[1, 2], 3,\n{{"data": {{}}, "annotations": [{REPEATED}]}}, {{"text": "]"}}]', 4),
        ("x.json", f'{{"text": "a"}}\n\n{REPEATED}', 3),
        ("x.json", f'\n{{"data": [{REPEATED}]}}', 2),
    ],
)
def test_a_key_that_an_object_has_twice_is_an_error_with_its_line(
    tmp_path: Path, name: str, content: str, line: int
) -> None:
    path = file(tmp_path, content, name=name)
    with pytest.raises(DataError, match=rf"{name}:{line}: got the key 'label' 2 times in one object; expected it once"):
        read(path, format="json" if name == "x.json" else "jsonl")


def test_a_line_with_a_key_twice_can_be_left_out(tmp_path: Path) -> None:
    corpus = read(file(tmp_path, {"text": "a", "label": []}, REPEATED), repair=True)
    assert ([s.words for s in corpus], corpus.skipped) == ([("a",)], 1)


@pytest.mark.parametrize("form", ["text", "orth", "word", "form"])
def test_objects_of_tokens_have_words_and_labels(tmp_path: Path, form: str) -> None:
    tokens = [{"index": at, form: word, "ner": tag} for at, word, tag in ((1, "Ana", "PERSON"), (2, "sings", "O"))]
    [sentence] = read(file(tmp_path, json.dumps({"sentences": [{"index": 0, "tokens": tokens}]}), name="x.json"))
    assert (sentence.words, sentence.entities) == (("Ana", "sings"), (Entity(0, 1, "PERSON"),))


def test_spans_that_an_annotator_rejected_are_no_entities(tmp_path: Path) -> None:
    spans = [
        {"start": 0, "end": 3, "label": "PER", "answer": "reject"},
        {"start": 8, "end": 11, "label": "PER", "answer": "accept"},
    ]
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": "Ana met Bob", "spans": spans, "answer": "accept"}))
    reader = stream(tmp_path / "x.jsonl")
    assert [sentence.entities for sentence in reader] == [(Entity(2, 3, "PER"),)]
    assert +reader.ignored == {"annotations under 'rejected spans'": 1}
