"""spaCy's DocBin, against spaCy itself."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError, MissingExtra
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.formats.spacy import DocBinReader, Spacy
from helpers.awkward import gist, sentences

spacy: Any = pytest.importorskip("spacy")


def save(path: Path, *docs: Any, **options: Any) -> Path:
    spacy.tokens.DocBin(docs=docs, **options).to_disk(path)
    return path


def doc(words: str, ents: list[str] | None = None, **options: Any) -> Any:
    return spacy.tokens.Doc(spacy.vocab.Vocab(), words=words.split(" "), ents=ents, **options)


@given(given=st.lists(sentences(), min_size=1, max_size=4))
@settings(max_examples=50)
def test_spacy_and_coner_read_what_coner_wrote(tmp_path_factory: pytest.TempPathFactory, given: list[Sentence]) -> None:
    path = tmp_path_factory.getbasetemp() / "x.spacy"
    Spacy().write(given, path)
    docs = list(spacy.tokens.DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))
    assert [[t.text for t in d] for d in docs] == [list(s.words) for s in given]
    found = [[(e.start, e.end, e.label_) for e in d.ents] for d in docs]
    assert found == [[(e.start, e.end, e.label) for e in s.entities or ()] for s in given]
    assert [gist(s) for s in DocBinReader(path)] == [gist(s) for s in given]


def test_documents_of_spacys_own_tokenizer_keep_their_text(tmp_path: Path) -> None:
    made = spacy.blank("en")("she  met ada.\n\nin New York\nwith bob")
    made.set_ents([made.char_span(9, 12, "P"), made.char_span(18, 26, "City")])
    found = read(save(tmp_path / "x.spacy", made))
    assert [(s.words, s.entities, s.text) for s in found] == [
        (("she", "met", "ada", "."), (Entity(2, 3, "P"),), "she  met ada."),
        (("in", "New", "York"), (Entity(1, 3, "City"),), "in New York"),
        (("with", "bob"), (), "with bob"),
    ]
    assert all(tuple((s.text or "")[a:b] for a, b in s.offsets) == s.words for s in found)


def test_sentence_boundaries_count_before_line_ends(tmp_path: Path) -> None:
    made = doc("a b \n c d", ["O", "B-X", "O", "O", "B-Y"], sent_starts=[True, True, False, False, True])
    made.user_data["id"] = "n"
    corpus = read(save(tmp_path / "x.spacy", made, store_user_data=True))
    assert [gist(s) for s in corpus] == [
        (("a",), (), "n-1"),
        (("b", "c"), (Entity(0, 1, "X"),), "n-2"),
        (("d",), (Entity(0, 1, "Y"),), "n-3"),
    ]


def test_a_document_without_annotation_has_no_labels(tmp_path: Path) -> None:
    partly = doc("a b")
    partly.set_ents([spacy.tokens.Span(partly, 0, 1, "X")], default="missing")
    path = save(tmp_path / "x.spacy", doc("a b"), doc("a b", ["O", "O"]), partly)
    reader = stream(path)
    assert [s.entities for s in reader] == [None, (), (Entity(0, 1, "X"),)]
    assert +reader.ignored == {"words without annotation": 1}
    with pytest.raises(DataError, match=r"x\.spacy: document 1: got no entity annotation"):
        read(path, gold=True)


@pytest.mark.parametrize(
    ("words", "ents", "options", "fault", "message"),
    [
        (
            "a b c",
            ["B-X", "I-X", "O"],
            {"sent_starts": [True, True, False]},
            "across sentences",
            "entity 0-3 'X' crosses",
        ),
        ("a \n b", ["B-X", "I-X", "I-X"], {}, "across sentences", "entity 0-5 'X' crosses a sentence boundary"),
        ("a \t b", ["O", "B-X", "O"], {}, "outside", "entity 2-3 'X' is white space"),
        ("\n", ["O"], {}, "unreadable", "got a document without a word"),
    ],
)
def test_faults(tmp_path: Path, *, words: str, ents: list[str], options: Any, fault: str, message: str) -> None:
    path = save(tmp_path / "x.spacy", doc("ok", ["O"]), doc(words, ents, **options))
    with pytest.raises(DataError, match=rf"x\.spacy: document 2: {message}.*--repair"):
        read(path)
    reader = stream(path, repair=True)
    assert not any(s.entities for s in reader)
    assert reader.faults == {fault: 1}


def test_span_groups_are_counted(tmp_path: Path) -> None:
    made = doc("a b", ["O", "O"])
    made.spans["sc"] = [spacy.tokens.Span(made, 0, 1, "X")]
    reader = stream(save(tmp_path / "x.spacy", made))
    assert len(list(reader)) == 1
    assert +reader.ignored == {"spans in span groups": 1}


@pytest.mark.parametrize("content", [b"", b"not zlib", zlib.compress(b"\x93\x01\x02\x03"), zlib.compress(b"")])
def test_bytes_that_are_not_a_docbin_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.spacy").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.spacy: spaCy .* cannot read it"):
        read(tmp_path / "x.spacy")


def test_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    assert detect(tmp_path / "no.spacy") == "spacy"
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "no.spacy")
    with pytest.raises(DataError, match="got no sentence"):
        read(save(tmp_path / "x.spacy"))


def test_spacy_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    with pytest.raises(MissingExtra, match=r"pip install 'coner\[spacy\]'"):
        Spacy().write([Sentence(("a",))], tmp_path / "x.spacy")


def test_wrapped_lines_are_one_paragraph(tmp_path: Path) -> None:
    made = spacy.blank("en")("the University of\nOxford is old.\n\nada lives in New\r\nYork\n")
    made.set_ents([made.char_span(4, 24, "ORG"), made.char_span(47, 56, "City")])
    path = save(tmp_path / "x.spacy", made)
    corpus = read(path, lines="wrapped")
    assert [[s.surface(e) for e in s.entities or ()] for s in corpus] == [["University of Oxford"], ["New York"]]
    assert [s.text for s in corpus] == ["the University of\nOxford is old.", "ada lives in New\r\nYork"]
    with pytest.raises(DataError, match=r"entity 4-24 'ORG' crosses .*, a line end: .* --lines wrapped"):
        read(path)


def test_labels_are_renamed(tmp_path: Path) -> None:
    path = save(tmp_path / "x.spacy", doc("a b", ["B-X", "O"]))
    assert read(path, rename={"X": "Y"}, labels=["Y"]).labels == ("Y",)
