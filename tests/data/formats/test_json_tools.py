"""JSON of tools with layouts of their own: what a file of theirs says, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import read, stream

TEXT = "Ana lives in Rome"
WORDS = TEXT.split()
PER, LOC = Entity(0, 1, "PER"), Entity(3, 4, "LOC")


def file(folder: Path, *values: Any, name: str = "x.json", indent: int | None = None) -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(value, indent=indent) for value in values), encoding="utf-8")
    return path


def token(number: int | list[int], word: str, **more: str) -> dict[str, Any]:
    return {"id": number, "text": word, "lemma": "B-52", "upos": "NOUN", "start_char": 0, "end_char": 3, **more}


@pytest.mark.parametrize("indent", [None, 2])
def test_sentences_of_stanza_are_lists_of_tokens(tmp_path: Path, indent: int | None) -> None:
    first = [{"text": word, "ner": tag} for word, tag in zip(WORDS, ["B-PER", "O", "O", "B-LOC"], strict=True)]
    path = file(tmp_path, [first, [{"text": "Bo", "ner": "B-PER"}]], indent=indent)
    assert [(s.words, s.entities) for s in read(path)] == [(tuple(WORDS), (PER, LOC)), (("Bo",), (PER,))]
    document = [token(1, "Ana", ner="S-PER"), token([2, 3], "del", ner="O"), token(2, "de"), token(3, "el")]
    [sentence] = read(file(tmp_path, [document], indent=indent))
    assert (sentence.words, sentence.entities) == (("Ana", "del"), (PER,))


def test_spans_of_dygie_count_the_words_of_the_document(tmp_path: Path) -> None:
    document = {
        "doc_key": "ABC",
        "sentences": [WORDS, ["She", "knows", "Bo", "Li"]],
        "ner": [[[0, 0, "PER"], [3, 3, "LOC"]], [[6, 7, "PER"]]],
        "relations": [[[0, 0, 3, 3, "IN"]], []],
        "clusters": [[[0, 0], [4, 4]]],
    }
    reader = stream(file(tmp_path, document, name="x.jsonl"))
    assert [(s.id, s.entities) for s in reader] == [("ABC-1", (PER, LOC)), ("ABC-2", (Entity(2, 4, "PER"),))]
    assert +reader.ignored == {"clusters": 1, "relations": 1}
    assert [s.entities for s in read(file(tmp_path, {"doc_key": "A", "sentences": [WORDS]}))] == [None]


def test_the_ends_of_spert_are_exclusive(tmp_path: Path) -> None:
    spans = [{"type": "PER", "start": 0, "end": 1}, {"type": "LOC", "start": 3, "end": 4}]
    relations = [{"type": "Live_In", "head": 0, "tail": 1}]
    reader = stream(file(tmp_path, [{"tokens": WORDS, "entities": spans, "relations": relations, "orig_id": 51}]))
    assert [(s.id, s.words, s.entities) for s in reader] == [("51", tuple(WORDS), (PER, LOC))]
    assert +reader.ignored == {"relations": 1}


def argilla(*responses: Any, **fields: str) -> dict[str, Any]:
    guess = {"value": [{"start": 13, "end": 17, "label": "GUESS"}], "score": None, "agent": "model"}
    spans = [{"value": each, "user_id": f"u{number}"} for number, each in enumerate(responses)]
    answers = {"topic": [{"value": ["news"], "user_id": "u0"}], "spans": spans}
    return {"id": "1", "fields": fields or {"text": TEXT}, "responses": answers, "suggestions": {"spans": guess}}


def test_only_what_a_person_has_answered_is_read_of_argilla(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "label": "PER"}
    reader = stream(file(tmp_path, [argilla([span], []), argilla([]), argilla()]))
    assert [s.entities for s in reader] == [(PER,), (), None]
    counts = {"further annotations": 1, "predictions": 2, "annotations under 'suggestions'": 1}
    assert +reader.ignored == counts
    with pytest.raises(DataError, match="got annotations only under 'suggestions'"):
        read(file(tmp_path, [argilla()]))
    with pytest.raises(DataError, match="or --text KEY"):
        read(file(tmp_path, [argilla([span], prompt="Who?", reply=TEXT)]))
    assert read(file(tmp_path, [argilla([span], prompt="Who?", reply=TEXT)]), text="reply")[0].entities == (PER,)
    assert read(file(tmp_path, [argilla([span], text=TEXT, url="https://x/a")]))[0].entities == (PER,)


def labelbox(*labels: Any, text: str = TEXT) -> dict[str, Any]:
    return {"data_row": {"external_id": "a.txt", "row_data": text}, "projects": {"p": {"labels": list(labels)}}}


def label(*spans: tuple[int, int, str | None], **more: Any) -> dict[str, Any]:
    places = [{"start": a, "end": b, **({"token": token} if token else {})} for a, b, token in spans]
    objects = [{"name": "PER", "annotation_kind": "TextEntity", "location": place} for place in places]
    return {"label_kind": "Default", "annotations": {"objects": objects, "classifications": []}, **more}


def test_the_ends_of_labelbox_are_inclusive(tmp_path: Path) -> None:
    skipped = label(performance_details={"skipped": True})
    rows = [labelbox(label((0, 2, "Ana")), label((0, 2, None))), labelbox(skipped), labelbox(), labelbox(label())]
    reader = stream(file(tmp_path, *rows, name="x.ndjson"))
    assert [(s.id, s.entities) for s in reader] == [("a.txt", (PER,)), ("a.txt", None), ("a.txt", None), ("a.txt", ())]
    assert +reader.ignored == {"further annotations": 1}
    emoji = labelbox(label((3, 5, "Ana")), text=f"💩 {TEXT}")
    corpus = read(file(tmp_path, emoji, name="x.ndjson"))
    assert [corpus[0].surface(entity) for entity in corpus[0].entities or ()] == ["Ana"]
    with pytest.raises(DataError, match=r"got 'https://x/a.txt', the address of a text; expected the text itself"):
        read(file(tmp_path, labelbox(label(), text="https://x/a.txt"), name="x.ndjson"))


def test_inclusive_ends_where_a_tool_has_exclusive_ones_are_refused(tmp_path: Path) -> None:
    values = {"textContent": TEXT, "textSegmentAnnotations": [{"startOffset": 0, "endOffset": 2, "displayName": "PER"}]}
    with pytest.raises(DataError, match="entity 0-2 'PER' starts or ends inside a word; expected 0-3"):
        read(file(tmp_path, values, name="x.jsonl"))


def test_several_jobs_of_ground_truth_are_counted(tmp_path: Path) -> None:
    def job(end: int) -> dict[str, Any]:
        spans = [{"startOffset": 0, "endOffset": end, "label": "PER"}]
        return {"annotations": {"entities": spans, "labels": [{"label": "PER"}]}}

    path = file(tmp_path, {"source": TEXT, "a": job(3), "b": job(9), "a-metadata": {}}, name="output.manifest")
    reader = stream(path)
    assert [s.entities for s in reader] == [(PER,)]
    assert +reader.ignored == {"further annotations": 1}


def test_passages_of_bioc_count_the_characters_of_the_document(tmp_path: Path) -> None:
    def found(offset: int, text: str, *more: dict[str, int]) -> dict[str, Any]:
        places = [{"offset": offset, "length": len(text)}, *more]
        return {"id": "1", "infons": {"type": "X"}, "text": text, "locations": places}

    title = {"offset": 0, "infons": {"type": "title"}, "text": "On Rome", "annotations": [found(3, "Rome")]}
    sentences = [{"offset": 8, "text": "Ana sings.", "annotations": [found(8, "Ana")]}]
    abstract = {"offset": 8, "text": "", "sentences": sentences, "annotations": []}
    collection = {"source": "x", "date": "", "key": "", "documents": [{"id": "7", "passages": [title, abstract]}]}
    corpus = read(file(tmp_path, collection))
    assert [(s.id, s.text, s.entities) for s in corpus] == [
        ("7-1", "On Rome", (Entity(1, 2, "X"),)),
        ("7-2", "Ana sings.", (Entity(0, 1, "X"),)),
    ]
    title["annotations"] = [found(0, "On", {"offset": 5, "length": 2})]
    with pytest.raises(DataError, match="got the text 'On'; expected 'On Rome'"):
        read(file(tmp_path, collection))


def test_rows_of_the_viewer_are_read_unless_a_cell_was_truncated(tmp_path: Path) -> None:
    row = {"tokens": WORDS, "ner_tags": [1, 0, 0, 2]}
    names = {"feature": {"names": ["O", "B-PER", "B-LOC"], "_type": "ClassLabel"}, "_type": "List"}
    features = [{"feature_idx": 1, "name": "ner_tags", "type": names}]
    whole = {"features": features, "rows": [{"row_idx": 0, "row": row, "truncated_cells": []}], "num_rows_total": 1}
    assert read(file(tmp_path, whole))[0].entities == (PER, LOC)
    tagged = {"rows": [{"row": {"tokens": WORDS, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}}]}
    assert read(file(tmp_path, tagged))[0].entities == (PER, LOC)
    whole["rows"][0]["truncated_cells"] = ["tokens"]
    with pytest.raises(DataError, match=r"object 1: got cells that the viewer has truncated. Fix: download"):
        read(file(tmp_path, whole))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "CAS": ({"%TYPES": {}, "%FEATURE_STRUCTURES": [{"%ID": 1, "sofaString": TEXT}], "%VIEWS": {}}, "export .* WebAnno"),
    "Azure": (
        {"projectFileVersion": "2022-05-01", "assets": {"documents": [{"location": "a.txt", "entities": []}]}},
        "got labels of Azure Language without texts. Fix: write objects with text and entities$",
    ),
    "NIF": ({"@context": {}, "@graph": [{"@id": "http://x#char=0,3"}]}, "got JSON-LD, which is not read. Fix: convert"),
    "a text elsewhere": ({"textGcsUri": "gs://a", "textSegmentAnnotations": []}, "got the address of a text"),
    "a source elsewhere": ({"source-ref": "s3://a", "job": {}}, "got the address of a text as source-ref"),
    "a span without a place": (
        {
            "source": TEXT,
            "job": {
                "annotations": {"entities": [{"startOffset": 0, "endOffset": 3, "label": "PER"}, {"label": "LOC"}]}
            },
        },
        "got no start; expected objects with start, end and label",
    ),
    "SpERT, too long": (
        {"tokens": ["a"], "entities": [{"type": "X", "start": 0, "end": 2}], "relations": []},
        "covers",
    ),
    "DyGIE, too few": ({"doc_key": "A", "sentences": [["a"], ["b"]], "ner": [[]]}, "got ner for 1 of 2 sentences"),
    "DyGIE, of sentences": (
        {"doc_key": "A", "sentences": [["a"], ["b"]], "ner": [[], [[0, 0, "X"]]]},
        "covers other words than the 1 of the sentence",
    ),
    "DyGIE, pairs": (
        {"doc_key": "A", "sentences": [["a"]], "ner": [[[0, 0]]]},
        r"got entity \[0, 0\]; expected the fi",
    ),
    "BioC, no offset": ({"id": "1", "passages": [{"text": "a", "annotations": [{"locations": []}]}]}, "got no offset"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_line_that_says_what_to_do(tmp_path: Path, case: str) -> None:
    values, message = REFUSED[case]
    for name, indent in (("x.json", 1), ("x.jsonl", None)):
        with pytest.raises(DataError, match=message) as caught:
            read(file(tmp_path, values, name=name, indent=indent))
        assert "\n" not in str(caught.value)
        assert str(caught.value).count("Fix: ") == 1


@pytest.mark.parametrize("name", ["x.ttl", "x.nt", "x"])
def test_nif_in_turtle_is_not_plain_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('@prefix nif: <http://x/nif-core#> .\n<#a> nif:isString "Ana" .\n')
    with pytest.raises(DataError, match=r"which is not read. Fix: convert it to brat"):
        read(tmp_path / name)


def test_offsets_in_grapheme_clusters_are_recognised(tmp_path: Path) -> None:
    text, places = "e\u0301a\u0301 Ana \U0001f469\u200d\U0001f680 \U0001f1ee\U0001f1f9 Rome", [[3, 6], [11, 15]]
    path = file(tmp_path, {"text": text, "label": [[*place, "X"] for place in places]}, name="x.jsonl")
    with pytest.raises(DataError, match=r"entity 3-6 'X': got grapheme clusters.*; expected code points"):
        read(path)
    corpus = read(path, repair=True)
    assert [corpus[0].surface(entity) for entity in corpus[0].entities or ()] == ["Ana", "Rome"]
    proved = [
        {"start": a, "end": b, "label": "X", "text": t} for (a, b), t in zip(places, ("Ana", "Rome"), strict=True)
    ]
    corpus = read(file(tmp_path, {"text": text, "entities": proved}, name="x.jsonl"))
    assert [corpus[0].surface(entity) for entity in corpus[0].entities or ()] == ["Ana", "Rome"]
    assert "offsets are read as grapheme clusters: 2 entities" in corpus.notes
