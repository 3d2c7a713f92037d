"""spaCy's IOB as text: words and tags joined by bars, a sentence per line."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity
from coner.data import read

TEXT = "I|O like|O London|B-GPE and|O New|B-GPE York|I-GPE City|I-GPE .|O\nHello|UH|O Oslo|NNP|B-GPE\n"


@pytest.mark.parametrize("name", ["a.iob", "a.txt", "a.conll"])
def test_it_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXT)
    first, second = read(tmp_path / name)
    assert first.words == ("I", "like", "London", "and", "New", "York", "City", ".")
    assert first.entities == (Entity(2, 3, "GPE"), Entity(4, 7, "GPE"))
    assert (second.words, second.entities) == (("Hello", "Oslo"), (Entity(1, 2, "GPE"),))


def test_a_word_may_have_bars(tmp_path: Path) -> None:
    (tmp_path / "a.iob").write_text("x|y|O |||B-X\n")
    (sentence,) = read(tmp_path / "a.iob", format="iob")
    assert sentence.words[1].startswith("|")


def test_words_without_a_tag_are_faults(tmp_path: Path) -> None:
    (tmp_path / "a.iob").write_text("I|O like London|B-GPE\n")
    with pytest.raises(DataError, match=r"a\.iob:1: got 'like'; expected a word and its tag"):
        read(tmp_path / "a.iob", format="iob")
    corpus = read(tmp_path / "a.iob", format="iob", repair=True)
    assert corpus[0].words == ("I", "London") and corpus.faults


@pytest.mark.parametrize("text", ["|O x|O", "a |B-X\n", "Oslo|b-city", "a\tB-X\n|\tO\n"])
def test_other_files_are_not_taken_for_it(tmp_path: Path, text: str) -> None:
    from coner.data.formats.iob import Iob

    assert Iob().sniff(text.encode()) == 0
