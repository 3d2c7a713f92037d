"""brat standoff: files by hand, and round trips."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.formats.brat import Brat, BratReader, document_names, standoff
from coner.data.reading.nesting import Nested
from coner.data.reading.words import character_span, raw_text
from helpers.awkward import sentences

TEXT = "she met ada lovelace.\n\nin new york  with bob\n"


def pair(folder: Path, annotations: str | None, text: str = TEXT, name: str = "doc") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    if annotations is not None:
        (folder / f"{name}.ann").write_bytes(annotations.encode())
    return folder


def test_each_line_of_a_document_is_a_sentence(tmp_path: Path) -> None:
    annotations = "T2\tCity 26 34\tnew york\nT1\tScientist 8 20\tada lovelace\n"
    found = read(pair(tmp_path / "d", annotations))
    assert [(s.words, s.id, s.line, s.text) for s in found] == [
        (("she", "met", "ada", "lovelace", "."), "doc-1", 1, "she met ada lovelace."),
        (("in", "new", "york", "with", "bob"), "doc-2", 3, "in new york  with bob"),
    ]
    assert [s.entities for s in found] == [(Entity(2, 4, "Scientist"),), (Entity(1, 3, "City"),)]
    for sentence in found:
        assert tuple(sentence.text[a:b] for a, b in sentence.offsets) == sentence.words  # type: ignore[index]


@pytest.mark.parametrize("name", ["d", "d/doc.ann", "d/doc.txt"])
def test_a_folder_and_a_pair_are_detected_by_their_names(tmp_path: Path, name: str) -> None:
    pair(tmp_path / "d", "T1\tP 0 3\tshe\n")
    assert detect(tmp_path / name) == "brat"
    assert read(tmp_path / name, gold=True).labels == ("P",)


def test_a_text_alone_is_plain_text_and_in_a_folder_it_has_no_labels(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", None)
    assert detect(folder / "doc.txt") == "text"
    pair(folder, "", name="empty")
    assert [s.entities for s in read(folder)] == [None, None, (), ()]
    with pytest.raises(DataError, match=r"doc\.txt: got no doc\.ann; expected gold labels"):
        read(folder, gold=True)


# Windows line ends, a byte order mark, characters beyond the basic plane: each counts as brat counts it.
@pytest.mark.parametrize("text", ["a 👩‍🚀 b\r\nada met\r\n", "\ufeffx\nada met", "e\u0301\t\n\n ada", "שלום ,\nada"])
def test_offsets_count_code_points_of_the_file(tmp_path: Path, text: str) -> None:
    at = text.index("ada")
    found = read(pair(tmp_path / "d", f"T1\tP {at} {at + 3}\tada\r\n", text))
    assert [s.surface(e) for s in found for e in s.entities or ()] == ["ada"]
    assert not any("\ufeff" in word or "\r" in word for s in found for word in s.words)


# Annotations, the entities that are left, the type of fault, the message without repair.
FAULTS: dict[str, tuple[str, list[str], str, str]] = {
    "cuts a word": (
        "T1\tP 9 20\tda lovelace",
        ["ada lovelace"],
        "snapped",
        "starts or ends inside a word; expected 8-20",
    ),
    "overlapping": (
        "T1\tP 4 11\tmet ada\nT2\tP 8 20\tada lovelace",
        ["met ada"],
        "overlapping",
        "entity 8-20 'P' overlaps entity 4-11",
    ),
    "two labels": (
        "T1\tP 8 11\tada\nT2\tQ 8 11\tada",
        ["ada"],
        "two labels",
        "'Q': got a second label for the words of",
    ),
    "discontinuous": ("T1\tP 0 3;8 11\tshe ada", [], "discontinuous", "got 2 pieces; expected one"),
    "pieces side by side": ("T1\tP 26 29;30 34\tnew york", ["new york"], "", ""),
    "backwards pieces": ("T1\tP 8 11;0 3\tada she", [], "discontinuous", "got 2 pieces"),
    "outside": ("T1\tP 40 99\tx", [], "outside", "entity T1 'P 40 99' covers no word of the text of 45 characters"),
    "negative": ("T1\tP -3 3\tshe", [], "outside", "entity T1 'P -3 3' covers no word"),
    "empty": ("T1\tP 8 8\t", [], "outside", "entity T1 'P 8 8' covers no word"),
    "only a space": ("T1\tP 34 36\t  ", [], "outside", "covers no word"),
    "across lines": ("T1\tP 12 34\tlovelace. in new york", [], "across sentences", "crosses a sentence boundary"),
    "across lines in pieces": ("T1\tP 12 21;23 25\tlovelace. in", [], "across sentences", "crosses a sentence"),
    "another text": (
        "T1\tP 8 11\tbob",
        [],
        "text differs",
        "got the text 'bob'; expected 'ada', the text at that place",
    ),
    "no text at all": ("T1\tP 8 11", ["ada"], "", ""),
    "no tabs": ("T1 P 8 11 ada", [], "unreadable", "got 'T1 P 8 11 ada'; expected T1, a tab"),
    "no numbers": ("T1\tP 8 x\tada", [], "unreadable", "expected T1, a tab, a label"),
    "rubbish": ("<ann>", [], "unreadable", "got '<ann>'; expected T1"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults(tmp_path: Path, case: str) -> None:
    annotations, kept, fault, message = FAULTS[case]
    folder = pair(tmp_path / "d", "#1\tAnnotatorNotes T1\tsure?\n" + annotations + "\n")
    reported: list[tuple[int, str]] = []
    reader = stream(folder, repair=True, on_fault=lambda number, text: reported.append((number, text)))
    assert [s.surface(e) for s in reader for e in s.entities or ()] == kept
    assert reader.faults == ({fault: 1} if fault else {})
    assert reader.repaired + reader.skipped == len(reported) == bool(fault)
    if not fault:
        read(folder)
        return
    line = annotations.count("\n") + 2
    assert reported[0][0] == line
    assert reported[0][1].startswith("doc.ann: ")
    with pytest.raises(DataError, match=rf"doc\.ann:{line}: ") as error:
        read(folder)
    assert message in str(error.value)
    assert "--repair" in str(error.value)


def test_documents_in_folders_below_are_counted(tmp_path: Path) -> None:
    pair(pair(tmp_path / "d", "T1\tP 0 3\tshe\n") / "more", "T1\tP 0 3\tshe\n")
    assert read(tmp_path / "d").notes == ("not read: documents in folders below 1",)
    assert read(tmp_path / "d" / "doc.txt").notes == ()


def test_other_annotations_are_counted(tmp_path: Path) -> None:
    rows = [
        "T1\tP 8 11\tada",
        "R1\tKnows Arg1:T1 Arg2:T1",
        "*\tEquiv T1 T1",
        "E1\tMeet:T1",
        "A1\tSure T1",
        "M1\tSure T1",
    ]
    reader = stream(pair(tmp_path / "d", "\n".join([*rows, "N1\tReference T1 W:1\tada", "#1\tNote T1\tx", "", " "])))
    assert [len(s.entities or ()) for s in reader] == [1, 0]
    assert reader.ignored == {"relations": 2, "events": 1, "attributes": 2, "normalizations": 1, "notes": 1}


def test_a_label_outside_the_taxonomy_names_the_file(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", "T1\tScientst 8 11\tada\n")
    with pytest.raises(DataError, match=r"doc\.ann:1: got label 'Scientst'.* Fix: write 'Scientist'"):
        read(folder, labels=["Scientist"], repair=True)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda d: (d / "doc.txt").write_bytes(b"a\nsm\xf8rrebr\xf8d"), r"doc\.txt:2: got byte 0xf8; expected UTF-8"),
        (lambda d: (d / "doc.ann").write_bytes("T1\tP 0 3".encode("utf-16-le")), r"doc\.ann:1: got a zero byte"),
        (lambda d: (d / "doc.txt").unlink(), r"d: got doc\.ann without doc\.txt; expected both"),
        (lambda d: (d / "doc.txt").write_text(" \n"), r"doc\.ann:1: got a document without a word"),
        (lambda d: (d / "doc.ann").write_text("T1\tP 0 " + "7" * 5000), r"doc\.ann:1: got .*; expected T1"),
        (shutil.rmtree, "no such file"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, harm: object, message: str) -> None:
    folder = pair(tmp_path / "d", "\n")
    harm(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        read(folder, format="brat")


def test_words_at_white_space(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", "T1\tP 0 4\tU.S.\n", "U.S. !?\u00a0x\n")
    assert read(folder, words="spaces")[0].words == ("U.S.", "!?\u00a0x")
    assert read(folder, repair=True)[0].words[0] == "U.S"


def as_brat(sentence: Sentence) -> Sentence:
    """What is read back: line ends are spaces, and missing labels are no entities."""
    text, offsets = raw_text(sentence)
    return Sentence(sentence.words, sentence.entities or (), text=text.replace("\n", " "), offsets=offsets)


@given(given=st.lists(sentences(), min_size=1, max_size=4))
def test_a_pair_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, given: list[Sentence]) -> None:
    # Split by coner's rules, or at white space if the words have no text.
    for raw in (True, False):
        some = [s for s in given if (s.text is not None) == raw and all(not set(w) & set(" \t\r\n") for w in s.words)]
        if not some:
            continue
        text, annotations = standoff(some)
        marks = [row.split("\t")[1].rsplit(" ", 2) for row in annotations.split("\n") if row]
        annotated = [(label, text[int(a) : int(b)]) for label, a, b in marks]  # the oracle: slices of the text
        cuts = [(e.label, raw_text(s)[0], character_span(e, raw_text(s)[1])) for s in some for e in s.entities or ()]
        assert annotated == [(label, whole[a:b].replace("\n", " ")) for label, whole, (a, b) in cuts]
        path = tmp_path_factory.getbasetemp() / "x.ann"
        Brat().write(some, path)
        read_back = list(BratReader(path, words="coner" if raw else "spaces"))
        assert [(s.words, s.entities, s.text) for s in read_back] == [
            (s.words, s.entities, s.text.rstrip("\r") if s.text else None) for s in map(as_brat, some)
        ]


def test_a_folder_has_a_document_for_each_sentence(tmp_path: Path) -> None:
    made = [Sentence(("a",), (Entity(0, 1, "X"),), "b"), Sentence(("b",), (), "a/b"), Sentence(("c",), None, "B")]
    assert document_names(made) == ["b", "000002", "000003"]
    lost = Brat().write(made, tmp_path / "d")
    assert lost == {"ids": 2, "order": 3, "labels missing": 1}
    assert [(s.words, s.entities, s.id) for s in read(tmp_path / "d")] == [
        (("b",), (), "000002"),
        (("c",), (), "000003"),
        (("a",), (Entity(0, 1, "X"),), "b"),
    ]
    with pytest.raises(OutputError, match="exists already"):
        Brat().write(made, tmp_path / "d")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_numbered_names_do_not_collide_with_ids() -> None:
    names = document_names([Sentence(("a",), id=id) for id in ("000002", None, "000002", "x", None)])
    assert len({name.lower() for name in names}) == 5
    assert names[0] == "000002"


WORDS = st.sampled_from(["ada", "é", "e\u0301", "👩‍🚀", "𝔸𝔹", "नमस्ते", "שלום", "北"])
GAPS = st.sampled_from([" ", "  ", "\t", "\n", "\r\n", "\r\n\r\n", " \n "])


@pytest.mark.parametrize("characters", ["utf-32-le", "utf-16-le", "utf-8"])
@pytest.mark.parametrize(
    "copy", ["the same", "with \\n for \\r\\n", "with \\r\\n for \\n", "without a byte order mark"]
)
@given(chosen=st.lists(st.tuples(WORDS, GAPS), min_size=1, max_size=8), data=st.data())
@settings(max_examples=25, deadline=None)
def test_entities_are_the_same_in_every_unit(
    tmp_path_factory: pytest.TempPathFactory,
    characters: str,
    copy: str,
    chosen: list[tuple[str, str]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "units"
    shutil.rmtree(folder, ignore_errors=True)
    width = {"utf-32-le": 4, "utf-16-le": 2, "utf-8": 1}[characters]
    bom = "\ufeff" * data.draw(st.booleans())
    text = bom + "".join(word + gap for word, gap in chosen)
    entities, rows, start = [], [], len(bom)
    for number, (word, gap) in enumerate(chosen, 1):
        seen = text[:start]  # as the tool has it
        seen = seen.replace("\r\n", "\n") if copy == "with \\n for \\r\\n" else seen
        seen = re.sub("(?<!\r)\n", "\r\n", seen) if copy == "with \\r\\n for \\n" else seen
        seen = seen.removeprefix("\ufeff") if copy == "without a byte order mark" else seen
        first, length = (len(part.encode(characters)) // width for part in (seen, word))
        entities.append((word, f"L{number}"))
        rows.append(f"T{number}\tL{number} {first} {first + length}\t{word}\n")
        start += len(word + gap)
    corpus = read(pair(folder, "".join(rows), text))
    assert [(s.surface(e).replace(" ", ""), e.label) for s in corpus for e in s.entities or ()] == entities
    assert corpus.skipped == 0
    assert bool(corpus.notes) == bool(corpus.repaired)


def test_a_unit_that_is_proved_is_reported(tmp_path: Path) -> None:
    text = "ada loves bob.\r\nshe lives in new york.\r\n"
    folder = pair(tmp_path / "d", "T1\tP 0 3\tada\nT2\tCity 28 36\tnew york\nT3\tP 15 18\tshe\n", text)
    reported: list[tuple[int, str]] = []
    reader = stream(folder, on_fault=lambda number, message: reported.append((number, message)))
    assert [[s.surface(e) for e in s.entities or ()] for s in reader] == [["ada"], ["she", "new york"]]
    assert (reader.faults, reader.repaired) == ({"converted": 2}, 2)
    assert reader.notes == ["offsets are read as code points, CRLF counted as one: 2 entities"]
    message = "doc.ann: entity T2 'City 28 36': got code points, CRLF counted as one; expected code points"
    assert reported[0] == (2, message)


NESTED = (
    "T1\tORG 8 20\tada lovelace\nT2\tP 8 11\tada\nT3\tP 8 20\tada lovelace\nT4\tQ 12 20\tlovelace\nT5\tP 8 11\tada\n"
)


@pytest.mark.parametrize(
    ("nested", "kept"), [("outer", [("ada lovelace", "ORG")]), ("inner", [("ada", "P"), ("lovelace", "Q")])]
)
def test_of_nested_entities_the_outermost_or_the_innermost_are_kept(
    tmp_path: Path, nested: Nested, kept: list[tuple[str, str]]
) -> None:
    folder = pair(tmp_path / "d", NESTED.replace("T3\tP 8 20\tada lovelace\n", ""))
    reader = stream(folder, nested=nested)  # no fault: the rule decides, and is reported
    assert [(s.surface(e), e.label) for s in reader for e in s.entities or ()] == kept
    assert (reader.faults["nested"], reader.ignored) == (3 - len(kept), {"duplicate entities": 1})
    count = 3 - len(kept)
    left_out = f"nested entities that are left out: {count}; the {nested[:5]}most are kept (--nested)"
    assert reader.notes == ["not read: duplicate entities 1", left_out]


def test_a_second_label_of_a_span_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"doc\.ann:3: entity 8-20 'P': got a second label for .* entity 8-20 'ORG'"):
        read(pair(tmp_path / "d", NESTED))


WRAPPED = "the university of\r\noxford is old.\r\n \r\nada lives in new\nyork\n"
ENTITIES = "T1\tORG 4 17;19 25\tuniversity of oxford\nT2\tCity 51 59\tnew york\n"


def test_wrapped_lines_are_one_paragraph(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", ENTITIES, WRAPPED)
    corpus = read(folder, lines="wrapped")
    assert [([s.surface(e) for e in s.entities or ()], s.id, s.line) for s in corpus] == [
        (["university of oxford"], "doc-1", 1),
        (["new york"], "doc-2", 4),
    ]
    assert corpus[0].text == "the university of\r\noxford is old."
    with pytest.raises(DataError, match=r"doc\.ann:1: .* crosses a sentence boundary, a line end: .* --lines wrapped"):
        read(folder)


@pytest.mark.parametrize("options", [{}, {"lines": "wrapped"}])
def test_an_entity_across_paragraphs_is_a_fault(tmp_path: Path, options: Any) -> None:
    with pytest.raises(DataError, match=r"crosses a sentence boundary\. Fix: correct it"):
        read(pair(tmp_path / "d", "T1\tP 12 34\tlovelace. in new york"), **options)


def test_repair_stops_where_the_file_is_not_what_it_seems(tmp_path: Path) -> None:
    lines = "".join(f"ada {number:02d}\nlovelace\n" for number in range(11))
    rows = "".join(f"T{n}\tP {16 * n} {16 * n + 15}\tada {n:02d} lovelace\n" for n in range(11))
    few = pair(tmp_path / "few", "".join(rows.splitlines(keepends=True)[:10]), lines)
    assert read(few, repair=True).skipped == 10
    many = pair(tmp_path / "many", rows, lines)
    message = r"got 11 of 11 entities to leave out \(across sentences 11\); expected at most 1%.* --lines wrapped"
    with pytest.raises(DataError, match=message):
        read(many, repair=True)
    assert len(read(many, lines="wrapped")) == 1


def test_labels_are_renamed(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", "T1\tP 8 11\tada\nT2\tQ 8 11\tada")
    corpus = read(folder, rename={"P": "R", "Q": "R", "X": "Y"}, labels=["R"])
    assert corpus.labels == ("R",)
    unused = "no entity has the label 'X', which is to be renamed"
    assert corpus.notes == ("not read: duplicate entities 1", unused)


def test_a_unit_without_proof_needs_repair(tmp_path: Path) -> None:
    folder = pair(tmp_path / "d", "T1\tP 3 6\nT2\tQ 18 22\n", "👩 ada met bob in rome")
    with pytest.raises(DataError, match=r"doc\.ann:1: entity T1 'P 3 6': got UTF-16 code units, as .*Fix: .*--repair"):
        read(folder)
    corpus = read(folder, repair=True)
    assert [s.surface(e) for s in corpus for e in s.entities or ()] == ["ada", "rome"]
    assert (corpus.repaired, corpus.notes) == (2, ("offsets are read as UTF-16 code units: 2 entities",))
