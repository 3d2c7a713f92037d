"""Tags of every scheme and spelling are recognised from the whole file, and read as the entities they stand for."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner import read
from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data.reading.schemes import PairCounter, TagReader, UnknownTags, recognise
from coner.data.reading.spellings import SHAPES, UNNAMED

Tags = list[str]
LETTERS = {  # of the first, an inner, the last and the only word of a mention
    "iob2": "BIIB",
    "bioes": "BIES",
    "bilou": "BILU",
    "bmes": "BMES",
    "bmewo": "BMEW",
    "bieo": "BIEB",
    "bilo": "BILB",
}
SPELLED: dict[str, Callable[[str, str], str]] = {
    "B-label": lambda letter, label: f"{letter}-{label}",
    "B_label": lambda letter, label: f"{letter}_{label}",
    "label-B": lambda letter, label: f"{label}-{letter}",
    "label_B": lambda letter, label: f"{label}_{letter}",
    "B:label": lambda letter, label: f"{letter}:{label}",
    "B/label": lambda letter, label: f"{letter}/{label}",
    "label.B": lambda letter, label: f"{label}.{letter}",
    "Blabel": lambda letter, label: letter + label,
    "B": lambda letter, _: letter,
    "lower": lambda letter, label: f"{letter.lower()}-{label}",
}


def written(entities: Sequence[Entity], length: int, letters: str, spell: Callable[[str, str], str]) -> Tags:
    """An encoder that shares nothing with the reader."""
    tags = ["O"] * length
    for entity in entities:
        last = entity.end - 1
        for word in range(entity.start, entity.end):
            position = 3 if entity.start == last else 0 if word == entity.start else 2 if word == last else 1
            tags[word] = spell(letters[position], entity.label)
    return tags


@st.composite
def corpora(draw: st.DrawFn) -> list[tuple[int, list[Entity]]]:
    """Sentences as their lengths and entities; among them one mention of one word, and one of three."""
    sentences = []
    for gaps in draw(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=4), max_size=5)):
        at, entities = 0, []
        for gap, size in gaps:
            entities.append(Entity(at + gap, at + gap + size, draw(st.sampled_from(["PER", "ORG", "x-y"]))))
            at += gap + size
        sentences.append((at + 1, entities))
    return [*sentences, (6, [Entity(0, 1, "PER"), Entity(2, 5, "ORG")])]


def reader_of(rows: list[Tags], scheme: str = "auto", *, predicted: bool = False) -> TagReader:
    counter = PairCounter()
    for tags in rows:
        counter.read(tags)
    return TagReader(scheme, lambda: counter.pairs, predicted=predicted)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SPELLED)
@pytest.mark.parametrize("scheme", LETTERS)
@settings(max_examples=30)  # for each of 70 spellings
@given(corpus=corpora())
def test_tags_of_a_scheme_are_read_back_as_its_entities(
    scheme: str, shape: str, corpus: list[tuple[int, list[Entity]]]
) -> None:
    rows = [written(entities, length, LETTERS[scheme], SPELLED[shape]) for length, entities in corpus]
    reader = reader_of(rows)
    for tags, (_, entities) in zip(rows, corpus, strict=True):
        found, faults = reader.read(tags)
        expected = entities if shape != "B" else [Entity(e.start, e.end, UNNAMED) for e in entities]
        assert (found, faults) == (expected, [])


@given(corpus=corpora())
def test_iob1_marks_only_the_borders_between_mentions_of_one_label(corpus: list[tuple[int, list[Entity]]]) -> None:
    rows = []
    for length, entities in corpus:
        tags, ends = ["O"] * length, {(e.end, e.label) for e in entities}
        for entity in entities:
            tags[entity.start : entity.end] = ["I-" + entity.label] * (entity.end - entity.start)
            if (entity.start, entity.label) in ends:
                tags[entity.start] = "B-" + entity.label
        rows.append(tags)
    reader = reader_of(rows)
    assert [reader.read(tags)[0] for tags in rows] == [entities for _, entities in corpus]
    assert reader.spelling.scheme in ("iob1", "iob2")


def test_a_run_of_one_label_without_letters_is_a_mention() -> None:
    reader = reader_of([["PERSON", "PERSON", "O", "EVENT"], ["O", "SKILL", "PERSON"]])
    assert reader.read(["PERSON", "PERSON", "O", "EVENT"]) == ([Entity(0, 2, "PERSON"), Entity(3, 4, "EVENT")], [])
    assert reader.note == "tags are read as io: labels without a letter: PERSON 3, EVENT 1, SKILL 1"


def test_words_in_the_place_of_tags_are_not_labels() -> None:
    with pytest.raises(UnknownTags, match=r"got tags 'NN' 2, 'VB' 1"):
        reader_of([["NN", "VB", "NN"]]).read(["NN", "VB", "NN"])  # no O at all


@pytest.mark.parametrize("zero", ["o", "0"])
def test_other_letters_for_outside(zero: str) -> None:
    assert reader_of([[zero, "B-X", zero]]).read([zero, "B-X", zero]) == ([Entity(1, 2, "X")], [])


@pytest.mark.parametrize("outside", ["", "_", "-", "OUT", "OTHER", "None", "nan", "O-O"])
def test_another_name_in_the_place_of_outside(outside: str) -> None:
    rows = [[outside, "B-X", "I-X", outside], [outside]]
    reader = reader_of(rows)
    assert [reader.read(tags) for tags in rows] == [([Entity(1, 3, "X")], []), ([], [])]
    assert reader.note == f"tags are read as iob2: tags like B-X: B 1, I 1; {outside!r} is O"
    bare = [[outside, "X", "X", outside]]
    assert reader_of(bare).read(bare[0]) == ([Entity(1, 3, "X")], [])
    beside_o = [[outside, "B-X", "O"]]
    assert len(reader_of(beside_o).read(beside_o[0])[1]) == 1


def test_labels_that_start_with_letters_of_a_scheme_are_labels() -> None:
    rows = [["EVENT", "EVENT", "O", "SKILL", "ITEM", "BRAND", "O"]]
    assert [e.label for e in reader_of(rows).read(rows[0])[0]] == ["EVENT", "SKILL", "ITEM", "BRAND"]


def test_numbers_are_not_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    path.write_text("ann 1\nlee 2\nsaw 0\nbasel 3\n")
    with pytest.raises(DataError, match=r"x.conll:1: got numbers as tags: '1' 1, '2' 1, .*--rename 1=B-NAME"):
        read(path)
    corpus = read(path, rename={"1": "B-P", "2": "I-P", "3": "B-L"})
    assert (corpus[0].entities, corpus.notes) == ((Entity(0, 2, "P"), Entity(3, 4, "L")), ())


def test_several_labels_in_one_tag_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    for tag in ("B-P|B-Q", "B-P,O", "B-P;I-Q"):
        path.write_text(f"ann {tag}\n")
        with pytest.raises(DataError, match=r"x\.conll:1: got several labels in one tag"):
            read(path, repair=True)
    path.write_text("ann B-P-Q|x\n")  # a label
    assert [e.label for e in read(path)[0].entities or ()] == ["P-Q|x"]


def test_a_stray_inner_tag_among_other_mentions_stays_a_fault() -> None:
    rows = [["B-X", "O"], ["I-X"]]
    assert reader_of(rows).read(["I-X"]) == (
        [Entity(0, 1, "X")],
        [(0, "tag 'I-X' after the start is not valid iob2")],
    )


def test_many_faults_are_refused_in_gold_and_repaired_in_predictions() -> None:
    rows = [["B-X", "O", "I-X"]] * 11
    with pytest.raises(UnknownTags, match="11 of 22 are not valid iob2"):
        reader_of(rows).read(rows[0])
    entities, faults = reader_of(rows, predicted=True).read(rows[0])
    assert (entities, len(faults)) == ([Entity(0, 1, "X"), Entity(2, 3, "X")], 1)


@pytest.mark.parametrize("predicted", [False, True])
def test_tags_of_no_scheme_are_refused(predicted: bool) -> None:
    rows = [["Q-X", "O", "R-X"]] * 6
    with pytest.raises(UnknownTags, match="12 of 12 are not valid iob2, the closest scheme"):
        reader_of(rows, predicted=predicted).read(rows[0])


def test_the_scheme_that_the_user_names_is_kept_and_another_is_suggested() -> None:
    rows = [["B-X", "L-X", "O", "U-X"]]
    with pytest.raises(UnknownTags, match="3 of 3 are not valid bioes; they look like bilou"):
        reader_of(rows, "bioes").read(rows[0])
    assert reader_of(rows, "bilou").read(rows[0])[0] == [Entity(0, 2, "X"), Entity(3, 4, "X")]


def test_valid_iob2_is_never_read_as_anything_else() -> None:
    counter = PairCounter()
    counter.read(["B-X", "I-X", "B-X", "O", "B-Y"])
    assert (recognise(counter.pairs).scheme, recognise(counter.pairs).shape) == ("iob2", SHAPES[0])


def test_gold_and_predictions_are_each_read_in_their_own_scheme(tmp_path: Path) -> None:
    (tmp_path / "gold.conll").write_text("ann B-P\nlee I-P\nsaw O\nbasel B-L\n")
    (tmp_path / "predicted.conll").write_text("ann B-P\nlee E-P\nsaw O\nbasel S-L\n")
    gold, predicted = (read(tmp_path / f"{name}.conll") for name in ("gold", "predicted"))
    assert gold[0].entities == predicted[0].entities
    assert (gold.notes, gold.scheme, predicted.scheme) == ((), "iob2", "bioes")
    assert re.match(r"tags are read as bioes: tags like B-P: ", predicted.notes[0])


def test_standard_input_is_iob2_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ann U-P\n")))
    with pytest.raises(DataError, match=r"not one of iob2's.*; tags that are read only once are iob2 without --scheme"):
        read("-", format="conll")


@pytest.mark.parametrize("scheme", ["io", "bilou", "iob2"])
def test_a_named_scheme_of_standard_input_may_be_spelled_in_other_ways(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    tags = {"io": ("P", "P", "L"), "bilou": ("b_P", "l_P", "u_L"), "iob2": ("P-B", "P-I", "L-B")}[scheme]
    text = "we O\n\nann {}\nlee {}\nsaw O\nbasel {}\n".format(*tags)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read("-", format="conll", scheme=scheme)[1].entities == (Entity(0, 2, "P"), Entity(3, 4, "L"))


def test_a_fault_is_named_with_the_tags_of_the_file() -> None:
    reader = TagReader("bilou")
    assert reader.read(["U-P", "L-P"])[1] == [(1, "tag 'L-P' after U-P is not valid bilou")]
    assert reader.read(["O", "B-L"])[1] == [(1, "tag 'B-L' at the end of the sentence is not valid bilou")]
