"""An untrusted SQLite file: what no build writes is refused, in bounded time."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from coner.core.errors import ModelError
from coner.knowledge import database as database_module
from coner.knowledge.folder import FolderKnowledge
from helpers.names import knowledge

PAGE, HEADER = 4096, 12  # bytes of a page, and of the header of one that refers to others
ROWS = {"types": "INSERT INTO types VALUES (?1 + 1000, 't' || ?1, '')", "shares": "INSERT INTO shares VALUES (?1, 0.5)"}


def deepen(path: Path, table: str, levels: int) -> None:
    """Give a table more rows than the file has bytes: pages on each level refer to one page of the next."""
    with sqlite3.connect(path) as database:
        database.executemany(ROWS[table], [(number,) for number in range(1000, 10_000)])
    database.close()
    with sqlite3.connect(path) as database:
        [(root,)] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    database.close()
    data = bytearray(path.read_bytes())
    page = bytes(data[(root - 1) * PAGE : root * PAGE])
    leaf, count = int.from_bytes(page[8:12], "big"), int.from_bytes(page[3:5], "big")
    assert page[0] == 5
    assert count > 10

    def all_to(number: int) -> bytes:
        changed = bytearray(page)
        places = [8, *(int.from_bytes(page[i : i + 2], "big") for i in range(HEADER, HEADER + 2 * count, 2))]
        for place in places:
            changed[place : place + 4] = number.to_bytes(4, "big")
        return bytes(changed)

    first = len(data) // PAGE + 1
    data[(root - 1) * PAGE : root * PAGE] = all_to(first)
    for level in range(1, levels + 1):
        data += all_to(first + level if level < levels else leaf)
    data[28:32] = (len(data) // PAGE).to_bytes(4, "big")
    path.write_bytes(data)
    description = json.loads((path.parent / "kb.json").read_text())
    description["files"][path.name]["bytes"] = len(data)
    (path.parent / "kb.json").write_text(json.dumps(description))


@pytest.mark.parametrize("table", sorted(ROWS))
def test_a_table_whose_pages_repeat_each_other_is_refused(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "STEPS", 1 << 20)
    folder = knowledge(tmp_path).folder
    deepen(folder / "entries.sqlite", table, levels=8)
    with pytest.raises(ModelError, match="it takes more steps than an undamaged file of its size"):
        FolderKnowledge(folder)


def test_a_value_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MAX_VALUE", 1 << 16)
    kb = knowledge(tmp_path, f"name,types,description\nNile,River,{'x' * (1 << 17)}\n")
    with pytest.raises(ModelError, match=r"entries\.sqlite: is damaged \(string or blob too big\)"):
        kb.lookup("nile")


def test_an_undamaged_file_may_be_asked_for_many_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "STEPS", 0)
    kb = knowledge(tmp_path)
    assert kb.shared(set(range(100_000))) == {}
    assert len(dict(kb.names())) == 6
    assert kb.types()["Artist"] == 1
