"""Hugging Face datasets, compared with the library itself."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError, MissingExtra, OutputError
from coner.core.tags import tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data import detect, read, stream
from coner.data.formats import WriteOptions
from coner.data.formats.datasets import Datasets, DatasetsReader
from coner.data.reading.tables import BATCH, ParquetRows
from helpers.awkward import gist, sentences

datasets: Any = pytest.importorskip("datasets")
pa: Any = pytest.importorskip("pyarrow")

ROW = {"tokens": ["ada", "met", "bob"], "ner_tags": ["B-P", "O", "B-P"]}


def parquet(path: Path, *rows: dict[str, Any]) -> Path:
    """As pandas or Arrow write it: without names of ids."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def labelled(names: list[str], *rows: dict[str, Any]) -> Any:
    tags = datasets.Sequence(datasets.ClassLabel(names=names))
    features = {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags}
    return datasets.Dataset.from_list(list(rows), features=datasets.Features(features))


@given(given=st.lists(sentences(raw=False, scores=False), min_size=1, max_size=4), bioes=st.booleans())
@settings(max_examples=30)
def test_the_library_and_coner_read_what_coner_wrote(
    tmp_path_factory: pytest.TempPathFactory, given: list[Sentence], bioes: bool
) -> None:
    scheme: Any = "bioes" if bioes else "iob2"
    folder = tmp_path_factory.mktemp("ds") / "set"
    path = folder.with_suffix(".parquet")
    for out in (folder, path):
        Datasets().write(given, out, WriteOptions(scheme=scheme))
    for found in (
        datasets.load_from_disk(str(folder)),
        datasets.Dataset.from_parquet(str(path), cache_dir=str(folder)),
    ):
        assert [row["tokens"] for row in found] == [list(s.words) for s in given]
        if "ner_tags" in found.column_names:
            names = found.features["ner_tags"].feature.names
            tags = [None if row is None else [names[i] for i in row] for row in found["ner_tags"]]
            assert tags == [
                None if s.entities is None else tags_from_entities(s.entities, len(s), scheme) for s in given
            ]
    for source in (folder, path):
        assert detect(source) == "datasets"
        assert [gist(s) for s in DatasetsReader(source, scheme=scheme)] == [gist(s) for s in given]


def test_tags_may_be_strings_and_other_columns_are_counted(tmp_path: Path) -> None:
    rows = [{"id": 7, "pos": ["x"] * 3, **ROW}, {"id": None, "pos": None, "tokens": ["a"], "ner_tags": None}]
    reader = stream(parquet(tmp_path / "x.parquet", *rows))
    assert [gist(s) for s in reader] == [
        (("ada", "met", "bob"), (Entity(0, 1, "P"), Entity(2, 3, "P")), "7"),
        (("a",), None, None),
    ]
    assert reader.ignored == {"column pos": 1}
    with pytest.raises(DataError, match=r"x\.parquet: row 2: got no ner_tags; expected gold labels"):
        read(tmp_path / "x.parquet", gold=True)


def test_selected_rows_keep_their_order_over_batches(tmp_path: Path) -> None:
    rows = [{"tokens": [str(i)], "ner_tags": [i % 2]} for i in range(2 * BATCH + 5)]
    labelled(["O", "B-X"], *rows).select(range(len(rows) - 1, 2, -1)).save_to_disk(str(tmp_path / "set"))
    found = read(tmp_path / "set")
    assert [int(s.words[0]) for s in found] == list(range(len(rows) - 1, 2, -1))
    assert all(bool(s.entities) == int(s.words[0]) % 2 for s in found)
    assert found[-1].line == len(found) == 2 * BATCH + 2


# Rows, whether they are still there with --repair, the fault without.
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a stray tag": (
        {"tokens": ["a", "b", "c"], "ner_tags": ["I-P", "O", "B-P"]},
        "repaired",
        "word 1: tag 'I-P' after the start",
    ),
    "no tag": (
        {"tokens": ["a"], "ner_tags": [None]},
        "repaired",
        "got tag None of word 1, which has no name",
    ),
    "too few tags": ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "unreadable", "got 1 ner_tags for 2 words"),
    "no words": ({"tokens": [], "ner_tags": []}, "unreadable", "got tokens .*; expected a list of non-empty strings"),
    "null": ({"tokens": None, "ner_tags": []}, "unreadable", "got tokens .*; expected a list"),
    "an empty word": ({"tokens": ["", "b"], "ner_tags": ["O", "O"]}, "unreadable", "got tokens .*; expected a list"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults(tmp_path: Path, case: str) -> None:
    row, fault, message = FAULTS[case]
    path = parquet(tmp_path / "x.parquet", ROW, row)
    with pytest.raises(DataError, match=rf"x\.parquet: row 2: {message}.*--repair"):
        read(path)
    reader = stream(path, repair=True)
    assert len(list(reader)) == 1 + (fault == "repaired")
    assert reader.faults == {fault: 1}


def test_ids_without_a_name_are_faults(tmp_path: Path) -> None:
    labelled(["O", "B-X"], {"tokens": ["a", "b"], "ner_tags": [-1, 1]}).save_to_disk(str(tmp_path / "set"))
    with pytest.raises(DataError, match="set: row 1: got tag -1 of word 1, which has no name"):
        read(tmp_path / "set")
    assert read(tmp_path / "set", repair=True)[0].entities == (Entity(1, 2, "X"),)
    path = parquet(tmp_path / "x.parquet", {"tokens": ["a"], "ner_tags": [0]})
    with pytest.raises(DataError, match="got numbers without names as ner_tags; expected strings, or a ClassLabel"):
        read(path, repair=True)


def test_a_folder_of_several_splits_is_refused(tmp_path: Path) -> None:
    splits = {name: labelled(["O", "B-P"], {"tokens": [name], "ner_tags": [0]}) for name in ("train", "dev")}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    assert detect(tmp_path / "set") == "datasets"
    with pytest.raises(DataError, match=r"contains several splits; expected one of: \S+set/dev, \S+set/train"):
        read(tmp_path / "set")
    assert read(tmp_path / "set/dev")[0].words == ("dev",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"words": ["a"]}], "got columns words; expected 'tokens' and 'ner_tags', or 'text' and 'entities'"),
        ([{"tokens": "a b", "ner_tags": ["O"]}], "got column 'tokens' of type string; expected lists of strings"),
        ([{"tokens": ["a"], "ner_tags": "O"}], "row 1: got 'O' ner_tags for 1 word"),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(parquet(tmp_path / "x.parquet", *rows))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(DataError, match=r"x\.parquet: cannot be read: .* expected a Parquet file"):
        read(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "no.parquet")
    Datasets().write([Sentence(("a",))], tmp_path / "set")
    (tmp_path / "set" / "state.json").write_text("{}")
    with pytest.raises(DataError, match=r"set/state\.json: expected the data files that datasets\.save_to_disk names"):
        read(tmp_path / "set")
    with pytest.raises(OutputError, match="exists already"):
        Datasets().write([Sentence(("a",))], tmp_path / "set")


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_in_a_folder_is_run(tmp_path: Path) -> None:
    folder, mark = tmp_path / "set", tmp_path / "ran"
    Datasets().write([Sentence(("a",), ())], folder)
    (folder / "set.py").write_text(f"open({str(mark)!r}, 'w')")  # where older versions had loading scripts
    for name in ("dataset.pkl", "indices.pkl"):
        (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "builder_name": "set", "dataset_name": "set.py"}))
    assert len(read(folder)) == 1
    assert not mark.exists()


def test_datasets_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'coner\[datasets\]'"):
        Datasets().write([Sentence(("a",))], tmp_path / "x.parquet")
    with pytest.raises(MissingExtra, match=r"coner\[datasets\]"):
        read(tmp_path / "x.parquet")


def test_columns_of_text_and_entities(tmp_path: Path) -> None:
    entities = [
        {"start": 4, "end": 7, "label": "P", "score": None},
        {"start": 8, "end": 11, "label": "Q", "score": 0.5},
    ]
    rows = [{"id": 7, "text": "she ada bob.", "entities": entities}, {"id": None, "text": "x", "entities": None}]
    path = parquet(tmp_path / "x.parquet", *rows)
    corpus = read(path)
    assert [gist(s) for s in corpus] == [
        (("she", "ada", "bob", "."), (Entity(1, 2, "P"), Entity(2, 3, "Q")), "7"),
        (("x",), None, None),
    ]
    assert [e.score for e in corpus[0].entities or ()] == [1.0, 0.5]
    assert (corpus[0].text, corpus[0].line, corpus[1].line) == ("she ada bob.", 1, 2)
    with pytest.raises(DataError, match=r"x\.parquet: row 2: got no .entities.; expected gold labels"):
        read(path, gold=True)
    with pytest.raises(DataError, match=r"x\.parquet: got no column 'entities', but text; expected gold labels"):
        read(parquet(tmp_path / "x.parquet", {"text": "a"}), gold=True)


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 1), (3, 9), (BATCH - 1, BATCH + 2), (5, 5)])
def test_a_range_of_rows(tmp_path: Path, start: int, stop: int | None) -> None:
    import pyarrow.parquet

    table = pa.Table.from_pylist([{"tokens": [str(i)]} for i in range(BATCH + 5)])
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet", row_group_size=7)
    rows = ParquetRows(tmp_path / "x.parquet")
    assert (rows.column, rows.count) == ("tokens", BATCH + 5)
    cells = [cell for batch in rows.batches(start, stop) for cell in rows.cells(batch)]
    assert cells == [[str(i)] for i in range(BATCH + 5)][start:stop]


def test_cells_without_a_word_are_not_sentences(tmp_path: Path) -> None:
    texts = ParquetRows(parquet(tmp_path / "x.parquet", {"text": "ada b"}))
    assert [texts.sentence(cell, 3) for cell in (None, "", " ")] == [None, None, None]
    assert texts.sentence("ada b", 3) == Sentence(("ada", "b"), text="ada b", offsets=((0, 3), (4, 5)), line=3)
    tokens = ParquetRows(parquet(tmp_path / "y.parquet", {"tokens": ["ada"]}))
    assert [tokens.sentence(cell, 3) for cell in (None, [])] == [None, None]
    with pytest.raises(ValueError, match="expected a list of non-empty strings"):
        tokens.sentence(["a", ""], 3)
