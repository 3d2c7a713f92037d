"""PubTator: papers with mentions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream

PAPERS = (
    "17|t|Ada in Rome\n17|a|She met Bob Li.\n17\t0\t3\tAda\tPerson\tD1\n17\t7\t11\tRome\tCity\n"
    "17\t20\t26\tBob Li\tPerson\tD2|D3\n17\tCID\tD1\tD2\n\n\nPMC-2|t|No one\nPMC-2|a|\n"
)


def papers(folder: Path, text: str, name: str = "a.txt") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def found(sentences: Any) -> list[tuple[str | None, tuple[str, ...], list[tuple[str, str]] | None]]:
    def mentions(sentence: Sentence) -> list[tuple[str, str]] | None:
        return None if sentence.entities is None else [(sentence.surface(e), e.label) for e in sentence.entities]

    return [(sentence.id, sentence.words, mentions(sentence)) for sentence in sentences]


@pytest.mark.parametrize("name", ["a.pubtator", "a.txt", "a"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_titles_and_abstracts_are_sentences(tmp_path: Path, name: str, end: str) -> None:
    path = papers(tmp_path, PAPERS.replace("\n", end), name)
    assert detect(path) == "pubtator"
    reader = stream(path, gold=True)
    assert found(reader) == [
        ("17-1", ("Ada", "in", "Rome"), [("Ada", "Person"), ("Rome", "City")]),
        ("17-2", ("She", "met", "Bob", "Li", "."), [("Bob Li", "Person")]),
        ("PMC-2", ("No", "one"), []),
    ]
    assert +reader.ignored == {"identifiers": 2, "relations": 1}


def test_a_file_without_any_mention_has_no_labels(tmp_path: Path) -> None:
    path = papers(tmp_path, "1|t|Ada\n1|a|sings\n\n2|t|Bob\n")
    assert [s.entities for s in read(path)] == [None, None, None]
    with pytest.raises(DataError, match="got papers without any mention; expected gold labels"):
        read(path, gold=True)


def test_the_text_of_a_mention_proves_the_unit(tmp_path: Path) -> None:
    text = "1|t|\U0001f4a9 Ada\n1|a|sings\n1\t3\t6\tAda\tPerson\n"
    corpus = read(papers(tmp_path, text))
    assert corpus[0].entities == (Entity(1, 2, "Person"),)
    assert corpus.notes == ("offsets are read as UTF-16 code units: 1 entity",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0\t3\tAda", "1\t4\tAda", r"a\.txt:3: entity 1-4 'Person': got the text 'Ada'; expected 'da '"),
        (
            "\n\n\nPMC-2|t",
            "\nPMC-2|t",
            r"a\.txt:7: got 'PMC-2\|t\|No one' in paper '17'; expected an empty line between",
        ),
        ("17\tCID", "17 CID", r"a\.txt:6: got '17 CID.*in paper '17'"),
        ("17\tCID\tD1\tD2", "17\tCID", r"a\.txt:6: got '17\\tCID'; expected ID\|t\|title"),
        ("PMC-2|t|No one\n", "", r"a\.txt:9: got paper 'PMC-2' without a title"),
    ],
)
def test_what_is_malformed_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = papers(tmp_path, PAPERS.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)
    assert read(path, repair=True).skipped > 0
