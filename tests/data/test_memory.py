"""Data in memory: sentences and pandas frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coner.core.errors import DataError
from coner.core.types import Entity, Sentence
from coner.data import read

SENTENCES = (Sentence(("ada", "met"), (Entity(0, 1, "P"),), id="7"), Sentence(("bob",)))


def frame(columns: dict[str, list[Any]]) -> Any:
    pandas = pytest.importorskip("pandas", reason="pandas comes with coner[datasets]")
    return pandas.DataFrame(columns)


def contents(source: Any, **options: Any) -> list[tuple[object, ...]]:
    return [(s.words, s.entities, s.id) for s in read(source, **options)]


def test_sentences_become_a_corpus() -> None:
    corpus = read(iter(SENTENCES))
    assert corpus.sentences == SENTENCES
    assert (corpus.path, corpus.words, corpus.labels) == (Path("memory"), 3, ("P",))
    assert read(corpus) is corpus
    with pytest.raises(DataError, match=r"memory: sentence 2: got no labels; expected gold labels"):
        read(SENTENCES, gold=True)
    with pytest.raises(DataError, match="memory: sentence 1: got label 'P', which is not in the taxonomy"):
        read(SENTENCES, labels=["Q"])
    with pytest.raises(DataError, match=r"sentence 1: got 'a'; expected Sentence objects .*, or a pandas frame"):
        read(["a"])  # type: ignore[list-item]


def test_an_unknown_option_is_a_type_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected option 'golden'; expected scheme, columns"):
        read(SENTENCES, golden=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected option 'golden'"):
        read(tmp_path / "x.conll", golden=True)  # type: ignore[call-arg]


def test_any_object_with_columns_and_itertuples_is_a_frame() -> None:
    def itertuples(*, index: bool, name: str | None) -> Iterator[tuple[Any, ...]]:
        assert (index, name) == (False, None)
        return iter([(["ada"], ["B-P"])])

    assert contents(SimpleNamespace(columns=["tokens", "ner_tags"], itertuples=itertuples)) == [
        (("ada",), (Entity(0, 1, "P"),), None)
    ]


def test_a_frame_of_tokens_has_a_row_per_sentence() -> None:
    rows = {"tokens": [["ada", "met"], ["bob"]], "ner_tags": [["B-P", "O"], None], "id": ["7", None], "pos": [1, 2]}
    assert contents(frame(rows)) == [(s.words, s.entities, s.id) for s in SENTENCES]
    assert contents(frame({"tokens": [("a", "b")]})) == [(("a", "b"), None, None)]
    with pytest.raises(DataError, match="frame: row 2: got no ner_tags; expected gold labels"):
        read(frame(rows), gold=True)
    rows["ner_tags"] = [["I-P", "O"], ["O"]]
    with pytest.raises(DataError, match="frame: row 1: word 1: tag 'I-P' after the start"):
        read(frame(rows), scheme="iob2")
    assert read(frame(rows), scheme="iob2", repair=True).repaired == 1
    assert read(frame(rows), scheme="auto")[0].entities == (Entity(0, 1, "P"),)


def test_a_frame_of_texts_has_a_row_per_sentence() -> None:
    entities = [{"start": 4, "end": 7, "label": "P", "score": 0.5}]
    rows = {"text": ["she ada.", "x"], "entities": [entities, float("nan")], "id": [1, 2]}
    corpus = read(frame(rows))
    assert contents(corpus) == [(("she", "ada", "."), (Entity(1, 2, "P"),), "1"), (("x",), None, "2")]
    assert corpus[0].entities is not None
    assert corpus[0].entities[0].score == 0.5
    assert read(frame(rows), words="spaces", repair=True)[0].surface(Entity(1, 2, "P")) == "ada."
    with pytest.raises(DataError, match=r"frame: row 1: got text without a word\. Fix: .*--repair"):
        read(frame({"text": [" "]}))


def test_a_frame_of_words_has_a_row_per_word() -> None:
    rows = {"sentence": [1, 1, 2], "word": ["ada", "met", "bob"], "tag": ["B-P", "O", "O"]}
    assert contents(frame(rows)) == [(("ada", "met"), (Entity(0, 1, "P"),), "1"), (("bob",), (), "2")]
    del rows["tag"]
    assert contents(frame(rows)) == [(("ada", "met"), None, "1"), (("bob",), None, "2")]


def test_numpy_cells_are_read(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow comes with coner[datasets]")
    rows = {"tokens": [["ada", "met"], ["bob"]], "ner_tags": [["B-P", "O"], ["O"]]}
    frame(rows).to_parquet(tmp_path / "x.parquet")
    import pandas

    assert contents(pandas.read_parquet(tmp_path / "x.parquet")) == contents(tmp_path / "x.parquet")


def test_other_columns_are_refused() -> None:
    with pytest.raises(DataError, match="frame: got columns a, word; expected 'tokens' and 'ner_tags', or 'text'"):
        read(frame({"a": [1], "word": ["x"]}))
    with pytest.raises(DataError, match="frame: got no sentence; expected a row per sentence"):
        read(frame({"tokens": []}))


@pytest.mark.parametrize("value", [5, None, 1.5])
def test_what_holds_no_sentences_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match=f"got {value}; expected Sentence objects"):
        read(value)
