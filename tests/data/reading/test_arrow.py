"""Folders of Arrow files: the rows of the library's own loader, and nothing that an untrusted folder can use."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coner import read
from coner.core.errors import DataError
from coner.data.reading.arrow import ArrowRows
from coner.data.reading.tables import BATCH

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")

MIB = 1 << 20
WORDS = pa.list_(pa.string())


def folder_of(path: Path, *batches: Any, options: Any = None, name: str = "data.arrow") -> Path:
    """A folder as ``save_to_disk`` writes it, with one file of these record batches."""
    path.mkdir()
    with pa.ipc.new_stream(str(path / name), batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    return path


def batch_of(rows: Sequence[Sequence[str]], **more: Any) -> Any:
    return pa.RecordBatch.from_pydict({"tokens": pa.array(rows, WORDS), **more})


def test_rows_are_those_of_the_library(tmp_path: Path) -> None:
    rows = [{"id": str(i), "tokens": ["word"] * (i % 7) + [str(i)], "ner_tags": None} for i in range(2 * BATCH + 3)]
    own = datasets.Dataset.from_list(rows)
    own.save_to_disk(str(tmp_path / "set"), num_shards=3)
    found = [row for batch in ArrowRows(tmp_path / "set").select(["id", "tokens"]) for row in batch.to_pylist()]
    assert found == [{"id": row["id"], "tokens": row["tokens"]} for row in datasets.load_from_disk(tmp_path / "set")]
    assert [sentence.id for sentence in read(tmp_path / "set")] == [row["id"] for row in rows]


def test_long_batches_come_in_pieces_that_hold_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONER_MAX_LINE_MIB", "1")
    rows = [["x" * (40_000 if i % 50 == 0 else 3), str(i)] for i in range(5 * BATCH + 1)]
    folder = folder_of(tmp_path / "set", batch_of(rows[:7]), batch_of(rows[7:]))
    pieces = list(ArrowRows(folder).select(["tokens"]))
    assert [row["tokens"] for piece in pieces for row in piece.to_pylist()] == rows
    assert max(len(piece) for piece in pieces) <= BATCH
    assert max(piece.nbytes for piece in pieces) <= MIB


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"tokens": [["a"], ["x" * 2 * MIB]]}, r"data\.arrow: got row 5 of more than 1 MiB; .*CONER_MAX_LINE_MIB"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [[], [None] * 2 * MIB]}, "got row 5 of more than 1 MiB"),  # no bytes
    ],
)
def test_a_row_beyond_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("CONER_MAX_LINE_MIB", "1")
    tags = pa.array(more.get("ner_tags", [[], []]), pa.list_(pa.null()))
    first = batch_of([["a"]] * 3, ner_tags=pa.array([[]] * 3, pa.list_(pa.null())))
    folder = folder_of(tmp_path / "set", first, batch_of(more["tokens"], ner_tags=tags))
    with pytest.raises(DataError, match=message):
        list(ArrowRows(folder).select(["tokens", "ner_tags"]))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_data_are_refused_before_they_are_unpacked(tmp_path: Path, codec: str) -> None:
    rows = batch_of([["x" * 1000] * 100] * 50)
    packed = folder_of(tmp_path / "set", rows, options=pa.ipc.IpcWriteOptions(compression=codec))
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=r"data\.arrow: got compressed Arrow data; expected it plain"):
        ArrowRows(packed)
    assert pa.total_allocated_bytes() - before < MIB
    dictionary = pa.RecordBatch.from_pydict(
        {"tokens": pa.array([["a"]], WORDS), "ner_tags": pa.array(["O" * 10_000] * 9).dictionary_encode()[:1]}
    )
    packed = folder_of(tmp_path / "other", dictionary, options=pa.ipc.IpcWriteOptions(compression=codec))
    with pytest.raises(DataError, match="got compressed Arrow data"):
        ArrowRows(packed)


def test_shared_cells_are_refused(tmp_path: Path) -> None:
    words = pa.array(["x" * 1000]).dictionary_encode()
    shared = pa.ListArray.from_arrays([0, 1], words)
    folder = folder_of(tmp_path / "set", pa.RecordBatch.from_pydict({"tokens": shared}))
    with pytest.raises(DataError, match="got values of type dictionary"):
        list(ArrowRows(folder).select(["tokens"]))


def test_offsets_that_point_elsewhere_are_an_error(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", batch_of([["abcd", "efgh"]] * 4))
    path = folder / "data.arrow"
    content, offsets = path.read_bytes(), b"".join(i.to_bytes(4, "little") for i in (0, 2, 4, 6, 8))
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, offsets[:16] + (1 << 30).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"data\.arrow: cannot be read: ArrowInvalid"):
        list(ArrowRows(folder).select(["tokens"]))


def test_every_cut_is_an_error_and_every_changed_byte_rows_or_an_error(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", batch_of([["ab", "c"], ["d"]]))
    path = folder / "data.arrow"
    whole = path.read_bytes()
    cuts = [whole[:size] for size in range(0, len(whole), 3)]
    changes = [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 2)]
    refused = []
    for content in cuts + changes:
        path.unlink()  # mapped: never change a file in place
        path.write_bytes(content)
        try:
            list(ArrowRows(folder).select(["tokens"]))
        except DataError as error:
            refused.append(content)
            assert "\n" not in str(error)
    assert refused[: len(cuts)] == cuts


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"_data_files": [{"filename": "../out.arrow"}]}, r"got the data file '\.\./out\.arrow'; expected the name"),
        ({"_data_files": [{"filename": "/etc/passwd"}]}, "got the data file '/etc/passwd'"),
        ({"_data_files": [{"filename": ".."}]}, r"got the data file '\.\.'"),
        ({"_data_files": [{"filename": "a\0b"}]}, "zero byte"),
        ({"_data_files": [{"filename": 3}]}, "got the data file 3"),
        ({"_data_files": [{"filename": "no.arrow"}]}, r"no\.arrow: no such file, but state\.json names it"),
        ({"_data_files": [{"filename": "pipe"}]}, "pipe: not a regular file"),
        ({"_data_files": []}, "got no data files"),
        ({"_data_files": 4}, r"state\.json: expected the data files"),
        ([], r"state\.json: expected the data files"),
    ],
)
def test_names_stay_in_the_folder(tmp_path: Path, state: Any, message: str) -> None:
    folder = folder_of(tmp_path / "set", batch_of([["a"]]))
    folder_of(tmp_path / "out.arrow", batch_of([["secret"]]))
    os.mkfifo(folder / "pipe")
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match=message):
        read(folder)


def test_state_is_bounded(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "set", batch_of([["a"]]))
    for text, message in (("[" * 100_000, "deeper than 64"), (" " * (17 * MIB), "expected at most")):
        (folder / "state.json").write_text(text)
        with pytest.raises(DataError, match=message):
            read(folder)
