"""The SQLite file of a knowledge base: its tables, and how it is opened if it is untrusted."""

from __future__ import annotations

import sqlite3
from itertools import repeat
from pathlib import Path

MAPPED = 1 << 40  # bytes of the database to map; SQLite takes what it has
SCHEMA = """
CREATE TABLE sources (id INTEGER PRIMARY KEY, file TEXT NOT NULL);
CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    prior REAL NOT NULL);
CREATE TABLE entry_types (
    entry INTEGER NOT NULL, type INTEGER NOT NULL, weight REAL NOT NULL, PRIMARY KEY (entry, type)) WITHOUT ROWID;
CREATE TABLE aliases (
    id INTEGER PRIMARY KEY, types BLOB NOT NULL, entries INTEGER NOT NULL, prior REAL NOT NULL);
CREATE TABLE alias_entries (
    alias INTEGER NOT NULL, entry INTEGER NOT NULL, weight REAL NOT NULL, PRIMARY KEY (alias, entry)) WITHOUT ROWID;
CREATE TABLE mentions (
    text INTEGER NOT NULL, entry INTEGER NOT NULL, type INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (text, entry, type)) WITHOUT ROWID;
"""  # statements are compared with those of a file, so that it can hold neither views nor triggers
# Of down-weighted names, and the texts of the sentences by which they are down-weighted; earlier ones lack them.
SHARES = "CREATE TABLE shares (alias INTEGER PRIMARY KEY, share REAL NOT NULL)"
DAMPING = "CREATE TABLE damping (text INTEGER PRIMARY KEY)"
TABLES = frozenset(" ".join(statement.split()) for statement in SCHEMA.split(";") if statement.strip())
# Pages of a hostile file may refer to each other so that a table has more rows than anyone can read.
STEPS, STEPS_PER_BYTE = 1 << 24, 16  # of SQLite's virtual machine; a scan of a table takes about 2 a byte
CHUNK = 1 << 16  # steps between two checks
MAX_VALUE = 1 << 26  # bytes of a text or blob


def open_database(path: Path) -> sqlite3.Connection:
    """Open a database read-only; ``ValueError`` if its tables are not those of a knowledge base.

    A statement fails if it takes more steps than ``allow_steps`` allows, or a value is too large.
    """
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
    allow_steps(database, path.stat().st_size)
    for setting in ("trusted_schema = OFF", "query_only = ON", f"mmap_size = {MAPPED}"):
        database.execute(f"PRAGMA {setting}")
    found = {" ".join(str(sql).split()) for (sql,) in database.execute("SELECT sql FROM sqlite_master LIMIT 100")}
    if found - {SHARES, DAMPING} != TABLES:
        raise ValueError("its tables are not those of a knowledge base")
    return database


def allow_steps(database: sqlite3.Connection, size: int) -> None:
    """Limit all further statements together to the steps that an undamaged file of this size needs."""
    # Not a function of Python, in which Ctrl-C would be lost.
    chunks = repeat(False, 1 + (STEPS + STEPS_PER_BYTE * size) // CHUNK)
    database.set_progress_handler(chunks.__next__, CHUNK)


def reason(error: Exception) -> str:
    """What is wrong with a database, in one line."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return "it takes more steps than an undamaged file of its size"
    return " ".join(str(error).split())[:200] or type(error).__name__


def shares_of_names(database: sqlite3.Connection) -> dict[int, float]:
    """The shares of down-weighted names, by number."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'shares'").fetchone():
        return {}
    found = dict(database.execute("SELECT alias, share FROM shares"))
    if not all(0 < share <= 1 for share in found.values()):
        raise ValueError("it has shares that are not between 0 and 1")
    return found
