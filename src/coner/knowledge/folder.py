"""A knowledge base in a folder: a trie of names, and one SQLite file of what they stand for. Both are memory-mapped."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np

from coner.core.errors import ModelError, requires_extra
from coner.core.files import as_text, sha256
from coner.knowledge.database import allow_steps, open_database, reason, shares_of_names
from coner.knowledge.description import DATABASE, DESCRIPTION, NAMES, TRIE, VARIANTS, content_hash, read_description
from coner.knowledge.entry import MAX_PRIOR, Candidate, Match, check_values
from coner.knowledge.mentions import VARIABLES, damping_sentences, mentions_in, shared_sentences, without
from coner.knowledge.normalisation import Normaliser
from coner.knowledge.spans import NormalisedWords, find_spans
from coner.knowledge.variants import Variants

with requires_extra("A knowledge base", "knowledge"):
    from marisa_trie import Trie

Meaning = tuple[Mapping[str, float], int, float, float]  # types, number of entries, prior, share
TYPE = struct.Struct("<If")  # number of a type, and its probability
CACHED = 1 << 16  # names


class FolderKnowledge:
    """A knowledge base as ``coner kb build`` writes it; see ``Knowledge`` for the methods.

    It may be used by several threads. ``ModelError`` if the folder holds none, or one that is damaged or of another
    version.

    Args:
        check: compare the hashes of the files too.
        names: all names in the order of their numbers, instead of the file with the trie.
    """

    def __init__(self, folder: Path, *, check: bool = False, names: Sequence[str] | None = None) -> None:
        self.folder, self.description = folder, read_description(folder)
        files = self.description.files.keys() - ({TRIE} if names is not None else set())
        self._check_files(files, hashes=check)
        self.longest = self.description.longest  # words of a match
        self.hash = content_hash(folder, self.description)
        self._normalise = Normaliser(self.description.normalisation)
        self._lock = threading.Lock()
        self._known: dict[int, Meaning] = {}
        self._names = names or ()
        if as_text(folder) != str(folder):  # the library of the trie takes no such path
            raise ModelError(f"{folder}: got a path that is not UTF-8. Fix: rename it")
        try:
            self._trie = Trie().mmap(str(folder / TRIE)) if names is None else Trie(f"{name} " for name in names)
            # Another version of the library may number the names differently. Number in the trie to number of the name.
            self._numbers = {self._trie[f"{name} "]: number for number, name in enumerate(names or ())}
            self._variants = Variants(folder / VARIANTS, self._name) if VARIANTS in files else None
            self._database = open_database(folder / DATABASE)
            self._types = dict(self._database.execute("SELECT id, name FROM types"))
            self._shares = shares_of_names(self._database)
            check_values(self._types.values(), self._types)
        except Exception as error:  # those of the trie have no common class
            raise ModelError(f"{folder}: is damaged ({reason(error)}). Fix: build it again") from None
        if len(self._trie) != self.description.names:
            got = f"got {len(self._trie)} names; expected {self.description.names}"
            raise ModelError(f"{folder / TRIE}: {got}. Fix: build it again")

    def match(self, words: Sequence[str], *, leave_out: Collection[int] = ()) -> list[Match]:
        """All names in a sentence, sorted by start and end; see ``Knowledge.match``."""
        spans = self._spans(words)
        known = self._meanings({alias for *_, alias in spans})
        matches = [Match(start, end, alias, *known[alias]) for start, end, alias in spans]
        if not leave_out:
            return matches
        with self._reading() as database:
            own = mentions_in(database, leave_out)
            left = [without(database, match, own, self._types) for match in matches] if own else matches
        return [match for match in left if match is not None]

    def shared(self, texts: Collection[int]) -> dict[str, int]:
        """Labelled files that it was built from, or down-weighted by, with the number of these texts that they have."""
        damping = self.description.damping
        with self._reading(asked=len(texts)) as database:
            found = shared_sentences(database, texts)
            if damping is not None and (count := damping_sentences(database, texts)):
                found[damping.file] = max(count, found.get(damping.file, 0))
        return found

    def damping_texts(self) -> list[int]:
        """The texts of the sentences by which names are down-weighted."""
        with self._reading() as database:
            rows = [] if self.description.damping is None else database.execute("SELECT text FROM damping")
            return [int(text) for (text,) in rows]

    @property
    def simulated(self) -> bool:
        """Whether it was made from gold mentions."""
        return self.description.simulated

    @property
    def has_mentions(self) -> bool:
        """Whether a source is labelled data, whose sentences can be left out."""
        with self._reading() as database:
            return bool(database.execute("SELECT EXISTS (SELECT 1 FROM mentions)").fetchone()[0])

    def types(self) -> dict[str, int]:
        """The number of entries of each type."""
        query = "SELECT t.name, count(*) FROM entry_types e JOIN types t ON t.id = e.type GROUP BY t.id"
        with self._reading() as database:
            return dict(database.execute(query))

    def names(self) -> Iterator[tuple[str, Match]]:
        """All normalised names, each with its meaning as an empty match."""
        names = iter(self._trie.iteritems())
        while some := list(islice(names, VARIABLES)):
            known = self._meanings({alias for _, alias in some})
            for key, alias in some:
                yield key.rstrip(), Match(0, 0, alias, *known[alias])

    def lookup(self, name: str, limit: int = 20) -> list[Candidate]:
        """The entries with that name, the likeliest first; empty if there is none."""
        key = self._normalise(name)
        if f"{key} " in self._trie:
            return self._candidates(self._number(self._trie[f"{key} "]), limit)
        near = self._near(key, [0], [len(key)]).get(0)
        return [] if near is None else self._candidates(near, limit)

    def forget(self) -> None:
        """Empty the caches of names and words, to measure the speed on new text."""
        with self._lock:
            self._known, self._normalise = {}, Normaliser(self.description.normalisation)

    def embed(self, folder: Path) -> None:
        """Write it into a new folder, with the names as text (see ``embedded``); ``OSError`` if that fails."""
        folder.mkdir(parents=True)
        for name in (DESCRIPTION, DATABASE, *[VARIANTS] * self.description.edits):
            shutil.copyfile(self.folder / name, folder / name)
        numbered = sorted((self._number(in_trie), key) for key, in_trie in self._trie.items())
        (folder / NAMES).write_bytes("".join(f"{key.rstrip()}\n" for _, key in numbered).encode())

    def candidates(self, match: Match, limit: int = 20) -> list[Candidate]:
        """The entries that a match may stand for, the likeliest first."""
        return self._candidates(match.alias, limit)

    def _spans(self, words: Sequence[str]) -> list[tuple[int, int, int]]:
        """Start, end and number of each name, sorted."""
        sentence = NormalisedWords.of(words, self._normalise)
        found = find_spans(sentence, self._trie, self.longest)
        numbers = {(start, end): self._number(in_trie) for start, end, in_trie in found}
        if self._variants is not None and sentence.words:
            first, last = sentence.windows(self.longest)
            starts, ends = np.array(sentence.starts)[first], np.array(sentence.ends)[last]
            for i, number in self._near(sentence.text, starts, ends).items():
                numbers.setdefault((sentence.words[first[i]], sentence.words[last[i]] + 1), number)
        return [(start, end, number) for (start, end), number in sorted(numbers.items())]

    def _near(self, text: str, starts: Sequence[int], ends: Sequence[int]) -> dict[int, int]:
        """The number of the only name that is one edit apart from a substring of a text, by its index."""
        if self._variants is None:
            return {}
        try:
            return self._variants.near(text, starts, ends)
        except (IndexError, KeyError):
            raise ModelError(f"{self.folder / VARIANTS}: is damaged. Fix: build it again") from None

    def _name(self, number: int) -> str:
        return self._names[number] if self._names else self._trie.restore_key(number).rstrip()

    def _number(self, in_trie: int) -> int:
        return self._numbers[in_trie] if self._numbers else in_trie

    def _meanings(self, aliases: set[int]) -> dict[int, Meaning]:
        """What names stand for; read from the database as far as it is not known."""
        with self._reading():
            known = {alias: self._known[alias] for alias in aliases if alias in self._known}
            if missing := aliases - known.keys():
                known |= self._read(missing)
                if known.keys() != aliases:
                    raise ValueError("it lacks names of the trie")
                if len(self._known) > CACHED:
                    self._known = {}
                self._known |= known
        return known

    def _read(self, aliases: Collection[int]) -> dict[int, Meaning]:
        names, numbers, found = self._types, sorted(aliases), dict[int, Meaning]()
        for first in range(0, len(numbers), VARIABLES):
            some = numbers[first : first + VARIABLES]
            query = f"SELECT id, types, entries, prior FROM aliases WHERE id IN ({','.join('?' * len(some))})"
            for alias, packed, entries, prior in self._database.execute(query, some):
                weights = {names[number]: weight for number, weight in TYPE.iter_unpack(packed)}
                in_range = all(0 <= weight <= 1 + 1e-3 for weight in weights.values()) and 0 <= prior <= MAX_PRIOR
                if not in_range or not isinstance(entries, int):
                    raise ValueError("it has numbers out of range")
                share = self._shares.get(alias, 1.0)
                types = {name: weight * share for name, weight in weights.items()}
                found[alias] = MappingProxyType(types), entries, prior, share
        return found

    def _candidates(self, alias: int, limit: int) -> list[Candidate]:
        query = """SELECT e.id, e.name, e.description, e.prior, e.key, s.file, a.weight FROM alias_entries a
            JOIN entries e ON e.id = a.entry JOIN sources s ON s.id = e.source
            WHERE a.alias = ? ORDER BY a.weight DESC, e.id LIMIT ?"""
        types = """SELECT t.name, t.title, et.weight FROM entry_types et JOIN types t ON t.id = et.type
            WHERE et.entry = ? ORDER BY et.weight DESC, t.name"""
        found = []
        with self._reading() as database:
            for entry, name, text, prior, key, file, weight in database.execute(query, (alias, limit)).fetchall():
                of_entry = database.execute(types, (entry,)).fetchall()
                weights = {type_name: type_weight for type_name, _, type_weight in of_entry}
                titles = {type_name: title for type_name, title, _ in of_entry if title}
                check_values([name, text, key, file, *weights, *titles.values()], [prior, weight, *weights.values()])
                found.append(Candidate(name, weights, titles, text, prior, key, file, weight))
        return found

    @contextmanager
    def _reading(self, asked: int = 0) -> Iterator[sqlite3.Connection]:
        """The database, for one thread; ``ModelError`` if a value that is read from it is not valid.

        ``asked`` is the number of values that are looked up in it, if they are many.
        """
        with self._lock:
            allow_steps(self._database, self.description.files[DATABASE].bytes + 64 * asked)
            try:
                yield self._database
            except (sqlite3.Error, KeyError, ValueError, struct.error, TypeError, ArithmeticError) as error:
                path = self.folder / DATABASE
                raise ModelError(f"{path}: is damaged ({reason(error)}). Fix: build it again") from None

    def _check_files(self, names: Collection[str], *, hashes: bool) -> None:
        for name in names:
            path, expected = self.folder / name, self.description.files[name]
            if not path.is_file() or path.stat().st_size != expected.bytes:
                raise ModelError(f"{path}: is missing or damaged. Fix: copy the folder again, or build it again")
            if hashes and sha256(path) != expected.sha256:
                raise ModelError(f"{path}: is not the file that {DESCRIPTION} describes. Fix: build it again")
