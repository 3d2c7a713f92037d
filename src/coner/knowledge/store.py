"""The database of a knowledge base while it is built: entries are merged into it, then its names are indexed."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from coner.knowledge.database import DAMPING, SCHEMA, SHARES
from coner.knowledge.entry import Entry
from coner.knowledge.folder import TYPE
from coner.knowledge.normalisation import Normaliser
from coner.knowledge.source import EntryBatch, SourceSettings

MAX_CHARACTERS, MAX_WORDS = 200, 16  # characters and normalised words of a name; a longer one is not a name
BUILDING = """
CREATE TABLE names (key TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (key, entry)) WITHOUT ROWID;
CREATE TABLE progress (source INTEGER PRIMARY KEY, done INTEGER, position INTEGER, entries INTEGER, skipped TEXT,
    finished INTEGER);
CREATE UNIQUE INDEX entry_keys ON entries (source, key) WHERE key != '';
CREATE INDEX entry_ids ON entries (key) WHERE key != '';
CREATE UNIQUE INDEX type_names ON types (name);
"""
WEIGHTED = "INSERT INTO entry_types VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET weight = weight + excluded.weight"


@dataclass
class SourceProgress:
    """How far a source has been read."""

    done: int = 0  # units, as in ``EntryBatch``
    position: int = 0  # bytes
    entries: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    finished: bool = False

    def add(self, batch: EntryBatch, entries: int) -> None:
        """Count a batch that was merged."""
        self.done, self.position = batch.done, batch.position
        self.entries += entries
        self.skipped.update(batch.skipped)


class Store:
    """The database of one build. It is written in transactions: what was not committed is gone after a crash."""

    def __init__(self, path: Path, normaliser: Normaliser) -> None:
        self.path, self._normalise = path, normaliser
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        if not self.database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self.database.executescript(f"BEGIN; {SCHEMA} {SHARES}; {DAMPING}; {BUILDING} COMMIT;")
        self._types: dict[str, int] = dict(self.database.execute("SELECT name, id FROM types"))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of the block, or none of them."""
        self.database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def progress(self, source: int, file: str) -> SourceProgress:
        """How far a source was read by earlier starts."""
        self.database.execute("INSERT OR IGNORE INTO sources VALUES (?, ?)", (source, file))
        query = "SELECT done, position, entries, skipped, finished FROM progress WHERE source = ?"
        if (row := self.database.execute(query, (source,)).fetchone()) is None:
            return SourceProgress()
        done, position, entries, skipped, finished = row
        return SourceProgress(done, position, entries, Counter(json.loads(skipped)), bool(finished))

    def save(self, source: int, progress: SourceProgress) -> None:
        """Record how far a source was read, in the transaction of its entries."""
        skipped = json.dumps(progress.skipped)
        values = source, progress.done, progress.position, progress.entries, skipped, progress.finished
        self.database.execute("INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?)", values)

    def add(self, entries: Iterable[Entry], source: int, skipped: Counter[str]) -> int:
        """Merge entries into the database; returns how many."""
        count = 0
        for entry in entries:
            number = self._entry(entry, source)
            for name, weight in entry.types.items():
                self.database.execute(WEIGHTED, (number, self._type(name), weight))
            mentions = ((text, number, self._type(name), count) for (text, name), count in entry.mentions.items())
            self.database.executemany("INSERT INTO mentions VALUES (?, ?, ?, ?)", mentions)
            for name in entry.names:
                if name and (key := self._key(name, skipped)):
                    self.database.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (key, number))
            count += 1
        return count

    def _entry(self, entry: Entry, source: int) -> int:
        name = next(iter(entry.names), "")
        values = source, entry.id, name, entry.description, entry.prior
        row = self.database.execute(
            """INSERT INTO entries (source, key, name, description, prior) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (source, key) WHERE key != '' DO UPDATE SET
                name = CASE name WHEN '' THEN excluded.name ELSE name END,
                description = CASE description WHEN '' THEN excluded.description ELSE description END,
                prior = prior + excluded.prior RETURNING id""",
            values,
        ).fetchone()
        return int(row[0])

    def _type(self, name: str) -> int:
        if (number := self._types.get(name)) is None:
            cursor = self.database.execute("INSERT INTO types (name, title) VALUES (?, '')", (name,))
            number = self._types[name] = int(cursor.lastrowid or 0)
        return number

    def _key(self, name: str, skipped: Counter[str]) -> str:
        key = self._normalise(name) if len(name) <= MAX_CHARACTERS else ""
        if not key or key.count(" ") >= MAX_WORDS:
            skipped["too long as a name, or without a letter"] += 1
            return ""
        return key

    def drop(self, settings: SourceSettings) -> Counter[str]:
        """Delete the entries that the settings exclude, once all sources are merged.

        Before that, types get the names of their entries: the entry of a type is seldom kept itself.
        """
        named = "SELECT e.name FROM entries e WHERE e.key = types.name AND e.key != '' LIMIT 1"
        self.database.execute(f"UPDATE types SET title = coalesce(({named}), '')")
        dropped = Counter[str]()
        wanted = ",".join(str(self._types[name]) for name in settings.types if name in self._types)
        conditions = {
            "without a name": "id NOT IN (SELECT entry FROM names)",
            "with a lower prior": f"prior < {settings.minimum_prior!r}",
            "of another type": f"id NOT IN (SELECT entry FROM entry_types WHERE type IN ({wanted}))",
        }
        if not settings.types:
            del conditions["of another type"]
        for reason, condition in conditions.items():
            count = self.database.execute(f"DELETE FROM entries WHERE {condition}").rowcount
            dropped.update({reason: count} if count else {})
        if dropped:
            for table in ("names", "entry_types", "mentions"):
                self.database.execute(f"DELETE FROM {table} WHERE entry NOT IN (SELECT id FROM entries)")
        self.database.execute("UPDATE entries SET name = key WHERE name = ''")
        return dropped

    def map_types(self, labels: Mapping[str, Sequence[str]]) -> int:
        """Replace each type by its labels, which share its weight; return the number of types that the map lacks.

        These, and types with an empty list, are left out; a type with the name of a label is kept.
        """
        labels = {label: (label,) for several in labels.values() for label in several} | dict(labels)
        known = dict(self._types)
        shares = [
            (known[name], self._type(label), 1 / len(several))
            for name, several in labels.items()
            if name in known
            for label in several
        ]
        self.database.execute("CREATE TEMP TABLE shared (old INTEGER, new INTEGER, share REAL)")
        self.database.executemany("INSERT INTO shared VALUES (?, ?, ?)", shares)
        for table, keys, value in (("entry_types", "entry", "weight"), ("mentions", "text, entry", "count")):
            query = f"SELECT {keys}, new, sum({value} * share) AS value FROM {table} JOIN shared ON type = old"
            self.database.execute(f"CREATE TEMP TABLE mapped AS {query} GROUP BY {keys}, new")
            # Keep mentions whose type is left out: they are needed to find the sentence.
            gone = " WHERE type IN (SELECT old FROM shared)" if table == "mentions" else ""
            self.database.execute(f"DELETE FROM {table}{gone}")
            self.database.execute(f"INSERT INTO {table} SELECT {keys}, new, value FROM mapped")
            self.database.execute("DROP TABLE mapped")
        self.database.execute("DROP TABLE shared")
        self.database.execute("DELETE FROM types WHERE id NOT IN (SELECT type FROM entry_types)")
        return len(known.keys() - labels.keys())

    def damp(self, shares: Mapping[int, float], texts: Collection[int]) -> None:
        """Store how often names are mentions, by their numbers, and the sentences in which this was counted."""
        self.database.executemany("INSERT INTO shares VALUES (?, ?)", sorted(shares.items()))
        self.database.executemany("INSERT INTO damping VALUES (?)", ((text,) for text in sorted(texts)))

    def keys(self) -> Iterator[str]:
        """All different names, normalised and sorted, with a space at the end."""
        return (f"{key} " for (key,) in self.database.execute("SELECT DISTINCT key FROM names ORDER BY key"))

    def index(self, numbers: Mapping[str, int]) -> Iterator[int]:
        """Write the entries and types of each name, under its number; yields the number of names so far.

        The share of an entry in a name is proportional to its prior plus 1. An entry divides its share among its types
        by their weights; the probability of a type is the sum of these parts.
        """
        reader = self.database.execute(
            "SELECT n.key, n.entry, e.prior + 1 FROM names n JOIN entries e ON e.id = n.entry ORDER BY n.key"
        )
        for done, (key, group) in enumerate(groupby(reader, itemgetter(0)), 1):
            things = [(entry, share) for _, entry, share in group]
            total, alias = sum(share for _, share in things), numbers[f"{key} "]
            sums: dict[int, float] = {}
            for entry, share in things:
                for type_id, fraction in self._fractions(entry):
                    sums[type_id] = sums.get(type_id, 0.0) + share * fraction / total
            packed = b"".join(TYPE.pack(*item) for item in sorted(sums.items(), key=lambda item: (-item[1], item[0])))
            prior = total - len(things)
            self.database.execute("INSERT INTO aliases VALUES (?, ?, ?, ?)", (alias, packed, len(things), prior))
            rows = [(alias, entry, share / total) for entry, share in things]
            self.database.executemany("INSERT INTO alias_entries VALUES (?, ?, ?)", rows)
            yield done

    def _fractions(self, entry: int) -> list[tuple[int, float]]:
        """The types of an entry, with weights that sum to 1."""
        rows = self.database.execute("SELECT type, weight FROM entry_types WHERE entry = ?", (entry,)).fetchall()
        total = sum(weight for _, weight in rows)
        return [(type_id, weight / total) for type_id, weight in rows]

    def facts(self) -> dict[str, Any]:
        """Counts for the description."""
        longest = max((key.count(" ") + 1 for (key,) in self.database.execute("SELECT key FROM names")), default=0)
        counts = {
            "entries": "SELECT count(*) FROM entries",
            "types": "SELECT count(DISTINCT type) FROM entry_types",
            "untyped": "SELECT count(*) FROM entries WHERE id NOT IN (SELECT entry FROM entry_types)",
        }
        return {"longest": longest, **{n: self.database.execute(query).fetchone()[0] for n, query in counts.items()}}

    @property
    def is_indexed(self) -> bool:
        """Whether everything has been read and indexed, and only ``finish`` is left."""
        return bool(self.database.execute("PRAGMA user_version").fetchone()[0])

    def mark_indexed(self) -> None:
        """Drop what only the build needs, in the transaction of the index."""
        for name in ("INDEX entry_keys", "INDEX entry_ids", "INDEX type_names", "TABLE names", "TABLE progress"):
            self.database.execute(f"DROP {name}")
        self.database.execute("PRAGMA user_version = 1")

    def finish(self) -> None:
        """Leave one file without gaps, and close it: a new one, as a file counts how often it was written."""
        packed = self.path.with_name(f"{self.path.name}.packed")
        packed.unlink(missing_ok=True)
        self.database.execute("VACUUM INTO ?", (str(packed),))
        self.close()
        packed.replace(self.path)

    def close(self) -> None:
        """Close the database."""
        self.database.close()
