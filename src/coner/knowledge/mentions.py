"""Which sentences mentions of labelled sources are from: to leave out a sentence's own mentions, and to find leaks."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from coner.core.types import Sentence, compact_text
from coner.knowledge.entry import Match

VARIABLES = 500  # per query; SQLite limits them
Own = Mapping[int, Mapping[int, int]]  # by entry and type, the number of mentions


def text_number(sentence: Sentence) -> int:
    """A 64-bit hash of the text of a sentence, without case and white space."""
    return int.from_bytes(blake2b(compact_text(sentence).encode(), digest_size=8).digest(), "big", signed=True)


def shared_sentences(database: sqlite3.Connection, texts: Collection[int]) -> dict[str, int]:
    """The number of these texts in each source that has mentions in them."""
    query = """SELECT s.file, count(DISTINCT m.text) FROM mentions m JOIN entries e ON e.id = m.entry
        JOIN sources s ON s.id = e.source WHERE m.text IN ({}) GROUP BY s.id"""
    found = dict[str, int]()
    for file, count in _select(database, query, texts):
        found[file] = found.get(file, 0) + count
    return found


def damping_sentences(database: sqlite3.Connection, texts: Collection[int]) -> int:
    """The number of these texts by which names are down-weighted."""
    return sum(count for (count,) in _select(database, "SELECT count(*) FROM damping WHERE text IN ({})", texts))


def mentions_in(database: sqlite3.Connection, texts: Collection[int]) -> Own:
    """The mentions in sentences with these texts."""
    found = dict[int, dict[int, int]]()
    for entry, type_id, count in _select(database, "SELECT entry, type, count FROM mentions WHERE text IN ({})", texts):
        counts = found.setdefault(entry, {})
        counts[type_id] = counts.get(type_id, 0) + count
    return found


def without(database: sqlite3.Connection, match: Match, own: Own, names: Mapping[int, str]) -> Match | None:
    """The match as it would be without these mentions; ``None`` if nothing else has its name.

    The shares are computed as in ``Store.index``; ``names`` are the names of the types.
    """
    query = """SELECT e.id, e.prior FROM alias_entries a JOIN entries e ON e.id = a.entry
        WHERE a.alias = ? ORDER BY e.id"""
    entries = database.execute(query, (match.alias,)).fetchall()
    if not any(entry in own for entry, _ in entries):
        return match
    left = [(entry, prior - sum(own.get(entry, {}).values())) for entry, prior in entries]
    left = [(entry, prior) for entry, prior in left if entry not in own or prior > 0]
    total, sums = sum(prior + 1 for _, prior in left), dict[int, float]()
    for entry, prior in left:
        rows = database.execute("SELECT type, weight FROM entry_types WHERE entry = ?", (entry,)).fetchall()
        weights = {number: weight - own.get(entry, {}).get(number, 0) for number, weight in rows}
        whole = sum(weights.values())
        for number, weight in weights.items():
            if weight > 0:
                sums[number] = sums.get(number, 0.0) + (prior + 1) / total * weight / whole
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    types = {names[number]: weight * match.share for number, weight in ordered}
    rest = replace(match, types=types, entries=len(left), prior=sum(prior for _, prior in left))
    return rest if left else None


def _select(database: sqlite3.Connection, query: str, values: Collection[int]) -> Iterator[tuple[Any, ...]]:
    ordered = sorted(set(values))
    for first in range(0, len(ordered), VARIABLES):
        some = ordered[first : first + VARIABLES]
        yield from database.execute(query.format(",".join("?" * len(some))), some)
