"""Lines of CoNLL files that are no words: marks of documents and comments, kept and written again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError
from coner.core.types import Sentence
from coner.data.formats._conll_reader import ConllReader
from coner.data.formats.conll import write_conll
from coner.data.stats import describe


def reader_of(path: Path, text: str, **options: Any) -> ConllReader:
    file = path / "file.conll"
    file.write_text(text, encoding="utf-8", newline="")
    return ConllReader(file, **options)


def words(reader: ConllReader) -> list[tuple[str, ...]]:
    return [sentence.words for sentence in reader]


def written(reader: ConllReader) -> str:
    handle = io.StringIO(newline="")
    write_conll(reader, handle, lambda: reader.layout)
    return handle.getvalue()


DOCUMENTS = (
    "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nsays VBZ B-VP O\n\n-DOCSTART- -X- -X- O\n\nAna NNP B-NP B-PER\n\n"
)


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENTS,
        DOCUMENTS.replace("\n", "\r\n"),
        DOCUMENTS.replace("-DOCSTART- -X- -X- O", "-DOCSTART- (947testa CRICKET)"),
        DOCUMENTS.replace("-DOCSTART- -X- -X- O\n\n", "-DOCSTART-\n"),
        DOCUMENTS.replace("-DOCSTART- -X- -X- O\n\n", "-DOCSTART-\n# sent_id = 1\n"),
        DOCUMENTS + "-DOCSTART- -X- -X- O\n",
        DOCUMENTS + "-DOCSTART- -X- -X- O\n\n\n",
        DOCUMENTS + "-DOCSTART- -X- -X- O",
        "-DOCSTART- O\n\n-DOCSTART- O\n\n" + DOCUMENTS,
        "O -DOCSTART-\n\nB-ORG EU\nO says\n\nO -DOCSTART-\n\nB-PER Ana\n\n",
        "1\t-DOCSTART-\tO\n\n1\tEU\tB-ORG\n2\tsays\tO\n\n1\t-DOCSTART-\tO\n\n1\tAna\tB-PER\n",
    ],
)
def test_document_markers_are_headers(tmp_path: Path, text: str) -> None:
    reader = reader_of(tmp_path, text)
    assert words(reader) == [("EU", "says"), ("Ana",)]
    assert (
        reader.notes[-1] == f"documents, marked by -DOCSTART-: {text.count('DOCSTART')}"
        or "comments" in reader.notes[-1]
    )
    assert (reader.repaired, reader.skipped) == (0, 0)
    assert written(reader_of(tmp_path, text)) == text
    assert describe(reader_of(tmp_path, text))["sentences"] == 2


def test_lines_below_a_document_marker_are_those_of_the_file(tmp_path: Path) -> None:
    assert [sentence.line for sentence in reader_of(tmp_path, DOCUMENTS)] == [1, 6]
    with pytest.raises(DataError, match=r":8: got label 'PER'"):
        list(reader_of(tmp_path, DOCUMENTS, labels=["ORG"]))
    with pytest.raises(DataError, match=r":3: got a header inside a sentence"):
        list(reader_of(tmp_path, "Ana B-PER\nmet O\n-DOCSTART- O\n\nBo B-PER\n"))


def test_a_word_that_is_a_document_marker_cannot_be_written() -> None:
    with pytest.raises(OutputError, match="got word '-DOCSTART-'"):
        write_conll([Sentence(("-DOCSTART-",), ())], io.StringIO())


COMMENTED = "# sent_id = 1\n# text = Ana met\nAna B-PER\nmet O\n\n# newdoc\n#\n#\tx\nBo B-PER\n#NLProc O\n# O\n"


def test_comments_are_recognised_if_they_cannot_be_words(tmp_path: Path) -> None:
    text = COMMENTED.replace("#\n", "")
    reader = reader_of(tmp_path, text)
    assert words(reader) == [("Ana", "met"), ("Bo", "#NLProc", "#")]
    assert reader.notes == ["comments, which start with '#' and cannot be words: 4"]
    assert written(reader_of(tmp_path, text)) == text


@pytest.mark.parametrize("tags", [("B-PER", "O"), ("b-per", "o"), ("person", "O"), ("PER-B", "O"), ("_", "_")])
def test_a_hashtag_is_a_word_whatever_the_spelling_of_tags(tmp_path: Path, tags: tuple[str, str]) -> None:
    text = "Ana {0}\nmet {1}\n\n# a note\n#ana {0}\n# {1}\n".format(*tags)
    for comment in (None, "#"):
        assert words(reader_of(tmp_path, text, comment=comment)) == [("Ana", "met"), ("#ana", "#")]


def test_hashtags_are_words_also_with_a_mark(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, COMMENTED, comment="#")
    assert words(reader) == [("Ana", "met"), ("Bo", "#NLProc", "#")]
    assert reader.notes == ["words that start with '#', as they have all columns and a tag: 2"]
    assert written(reader_of(tmp_path, COMMENTED, comment="#")) == COMMENTED


@pytest.mark.parametrize("mark", ["#", "%", ";", "//"])
def test_a_comment_that_might_be_a_word_is_refused_with_the_option_that_reads_it(tmp_path: Path, mark: str) -> None:
    text = f"{mark}begin document (x); part 000\nAna B-PER\nmet O\n"
    with pytest.raises(DataError, match=rf":1: got 5 columns; expected 2 .* with --comment '{mark[0]}'$"):
        list(reader_of(tmp_path, text))
    reader = reader_of(tmp_path, text, comment=mark)
    assert words(reader) == [("Ana", "met")]
    assert written(reader_of(tmp_path, text, comment=mark)) == text


LINES = [
    "",
    "",
    "\t",
    "# id 7\tx",
    "# a comment of more words",
    "#",
    "% x",
    "-DOCSTART- -X- O",
    "-DOCSTART-",
    "#tag _ O",
    "# _ B-X",
    "Ana _ B-X",
    "met _ O",
]


@given(
    lines=st.lists(st.sampled_from(LINES), max_size=20),
    comment=st.sampled_from([None, "#", "%"]),
    last=st.sampled_from(["", "\n"]),
)
def test_no_word_is_lost_and_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], comment: str | None, last: str
) -> None:
    lines = ["first _ O", *["second _ O"] * 20, *lines]  # so that most lines have three columns
    path = tmp_path_factory.getbasetemp()
    reader = reader_of(path, "\n".join(lines) + last, comment=comment, repair=True, predicted=True)
    sentences = list(reader)
    expected = [line.split()[0] for line in lines if len(line.split()) == 3 and line[-1] in "OX" and "DOC" not in line]
    read = [word for sentence in sentences for word in sentence.words]
    assert [word for word in read if word not in ("%", "#")] == [word for word in expected if word not in ("%", "#")]
    again = reader_of(path, written_by(sentences, reader), comment=comment, repair=True, predicted=True)
    assert [(s.words, s.entities, s.header) for s in again] == [(s.words, s.entities, s.header) for s in sentences]


def written_by(sentences: list[Sentence], reader: ConllReader) -> str:
    handle = io.StringIO(newline="")
    write_conll(sentences, handle, reader.layout)
    return handle.getvalue()
