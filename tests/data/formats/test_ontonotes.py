"""OntoNotes: mentions in brackets, in the columns of the shared task of 2012 and in others; faults with their lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import detect, read, stream

Write = Callable[..., Path]
WORDS = ["Mr.", "Obama", "visited", "New", "York", "."]
BRACKETS = ["*", "(PERSON)", "*", "(GPE*", "*)", "*"]
FOUND = (Entity(1, 2, "PERSON"), Entity(3, 5, "GPE"))
BEGIN, END = "#begin document (nw/wsj/24/wsj_2402); part 001", "#end document"


def task_row(index: int, word: str, brackets: str) -> str:
    """A row of the shared task; the parse, the predicates and the coreference have brackets of their own."""
    parse = "(TOP(S(NP*" if index == 0 else "*))" if word == "." else "*"
    cells = ["nw/wsj/24/wsj_2402", "1", str(index), word, "NNP", parse, "-", "-", "-", "Speaker#1", brackets]
    return "   ".join([*cells, "(V*)" if word == "visited" else "*", "(12)" if word == "Obama" else "-"])


def task_file(*sentences: tuple[list[str], list[str]]) -> str:
    rows = ["\n".join(map(task_row, range(len(words)), words, brackets)) for words, brackets in sentences]
    return "\n".join([BEGIN, "\n\n".join(rows), "", END, ""])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "x.v4_gold_conll") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["x.v4_gold_conll", "x.conll", "x.txt", "x"])
def test_files_of_the_shared_task(write: Write, name: str) -> None:
    path = write(task_file((WORDS, BRACKETS), (["No", "one", "."], ["*"] * 3)), name)
    assert detect(path) == "ontonotes"
    first, second = read(path)
    assert (first.words, first.entities, first.id) == (tuple(WORDS), FOUND, "nw/wsj/24/wsj_2402.001.1")
    assert (second.words, second.entities, second.id) == (("No", "one", "."), (), "nw/wsj/24/wsj_2402.001.2")
    assert (first.line, second.line) == (2, 9)
    assert "other columns 11" in " ".join(read(path).notes)


@pytest.mark.parametrize("gap", ["\t", " ", "   "])
def test_a_column_of_words_and_one_of_brackets(write: Write, gap: str) -> None:
    words = [*WORDS[:-1], "#"]
    rows = [f"{word}{gap}NNP{gap}{cell}" for word, cell in zip(words, BRACKETS, strict=True)]
    path = write("# a comment\n" + "\n".join(rows) + "\n\n# 5 %\n" + "\n".join(rows), "x.conll")
    assert detect(path) == "ontonotes"
    assert [(sentence.words, sentence.entities) for sentence in read(path)] == [(tuple(words), FOUND)] * 2


def test_columns_can_be_named(write: Write) -> None:
    rows = [f"{i}\t{word}\t{cell}\t(X)" for i, (word, cell) in enumerate(zip(WORDS, BRACKETS, strict=True))]
    path = write("\n".join(rows))
    with pytest.raises(DataError, match=r"got brackets in columns 3, 4; expected one, .* --columns word=4,tag=11"):
        read(path)
    for columns in ("word=2,tag=3", "word=-3,tag=-2"):
        assert read(path, columns=columns)[0].entities == FOUND
        assert read(path, columns=columns)[0].words == tuple(WORDS)
    with pytest.raises(DataError, match="got 4 columns, where --columns has tag=5"):
        read(path, columns="tag=5")


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[str], tuple[Entity, ...]]:
    """Words and mentions that do not overlap."""
    words = draw(st.lists(st.sampled_from(["a", "(b", "*", "#", ")", "é"]), min_size=1, max_size=9))
    entities, at = [], 0
    while at < len(words):
        start = draw(st.integers(at, len(words)))
        at = draw(st.integers(start + 1, len(words) + 1))
        if at <= len(words):
            entities.append(Entity(start, at, draw(st.sampled_from(["PER", "WORK_OF_ART"]))))
    return words, tuple(entities)


def brackets_of(words: list[str], entities: tuple[Entity, ...]) -> list[str]:
    cells = ["*"] * len(words)
    for entity in entities:
        cells[entity.start] = f"({entity.label}*"
        cells[entity.end - 1] += ")"
    return cells


@given(st.lists(labelled(), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read(write: Write, sentences: list[tuple[list[str], tuple[Entity, ...]]]) -> None:
    path = write(task_file(*((words, brackets_of(words, entities)) for words, entities in sentences)))
    assert [(list(one.words), one.entities) for one in read(path)] == sentences


@pytest.mark.parametrize(
    ("cells", "outer", "inner"),
    [
        (["(A(B*)", "*)"], Entity(0, 2, "A"), Entity(0, 1, "B")),
        (["(A*", "(B))"], Entity(0, 2, "A"), Entity(1, 2, "B")),
    ],
)
def test_of_nested_mentions_one_is_kept(write: Write, cells: list[str], outer: Entity, inner: Entity) -> None:
    path = write(task_file((["x", "y"], cells)))
    assert read(path)[0].entities == (outer,)
    assert read(path, nested="inner")[0].entities == (inner,)
    reader = stream(path)
    assert list(reader) and reader.faults == {"nested": 1}


@pytest.mark.parametrize(
    ("cells", "line", "message", "kept"),
    [
        (["(A)", "(B*"], 3, "got a mention 'B' that is not closed", 1),
        (["(A)", "*)"], 3, r"got '\*\)', which closes a mention that was not opened", 1),
        (["(A)", "B-X"], 3, "got 'B-X'; expected a mention in brackets", 1),
        (["(A)", "(B"], 3, r"got '\(B'; expected a mention in brackets", 1),
        (["()", "(B)"], 2, r"got '\(\)'; expected a mention in brackets", 1),
    ],
)
def test_faults_have_their_line(write: Write, cells: list[str], line: int, message: str, kept: int) -> None:
    path = write(task_file((["x", "y"], cells)))
    with pytest.raises(DataError, match=rf"x\.v4_gold_conll:{line}: {message}.*--repair"):
        read(path)
    reader = stream(path, repair=True)
    (sentence,) = reader
    assert (sentence.words, len(sentence.entities or ())) == (("x", "y"), kept)
    assert reader.faults == {"unreadable": 1}


def test_a_row_without_its_columns_is_a_fault(write: Write) -> None:
    text = task_file((WORDS, BRACKETS), (["a", "b"], ["*", "*"])).replace(task_row(1, "b", "*"), "nw/wsj 1 1 b")
    with pytest.raises(DataError, match=r":10: got 4 columns; expected the word in column 4 and the mention in .* 11"):
        read(write(text))
    assert [sentence.words for sentence in read(write(text), repair=True)] == [tuple(WORDS)]


def test_lines_too_short_for_columns_from_the_end_are_comments_or_faults(write: Write) -> None:
    rows = [f"{word} {cell} x" for word, cell in zip(WORDS, BRACKETS, strict=True)]
    text = "\n".join(["#", *rows, "", ""] * 300)  # more rows than the columns are found in
    found = read(write(text), format="ontonotes", columns="word=1,tag=-2")
    assert {sentence.words for sentence in found} == {tuple(WORDS)}
    with pytest.raises(DataError, match="got 1 column; expected the word in column 1 and the mention in column -2"):
        read(write(f"{text}short\n"), format="ontonotes", columns="word=1,tag=-2")


def test_labels_are_renamed_and_checked(write: Write) -> None:
    path = write(task_file((WORDS, BRACKETS)))
    assert {e.label for e in read(path, rename={"GPE": "City"})[0].entities or ()} == {"PERSON", "City"}
    with pytest.raises(DataError, match="got label 'GPE', which is not in the taxonomy"):
        read(path, labels=["PERSON"])


@pytest.mark.parametrize(
    "text",
    ["He said (quietly) no .\nThen (he) left .\n", "* item\n* (other)\n", "a B-X\nb O\n", '[{"text": "in (1988) ."}]'],
)
def test_other_files_are_not_taken_for_it(write: Write, text: str) -> None:
    assert detect(write(text, "x")) != "ontonotes"
