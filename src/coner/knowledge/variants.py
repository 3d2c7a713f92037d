"""Names one edit apart from a text, found by the variants of both that lack one character (symmetric deletion).

Most texts are ruled out by their halves first: a name one edit apart shares the characters before or behind the edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

MIN_LENGTH, MAX_LENGTH = 8, 200  # characters of a name; in a shorter one an edit often gives another name
MAX_COMPARED = 64  # names of one variant that are compared
STORED = np.dtype("<u8")  # a hash in the upper half; in the lower one the number of the name, for halves 0
CHUNK = 4096  # names that are hashed together
BITS = np.uint64(32)
BASE, FACTOR = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9  # odd numbers with well mixed bits
INVERSE = pow(BASE, -1, 1 << 64)
Numbers = np.ndarray[Any, np.dtype[Any]]


def write_variants(names: Iterable[tuple[int, str]], path: Path) -> None:
    """Write the index of these names, by number: about 10 bytes for each of their characters, sorted."""
    long, stored = ((n, name) for n, name in names if MIN_LENGTH <= len(name) <= MAX_LENGTH), [np.empty(0, np.uint64)]
    while some := list(islice(long, CHUNK)):
        numbers, lengths = np.array([n for n, _ in some], np.uint64), np.array([len(name) for _, name in some])
        ends = np.cumsum(lengths)
        substrings = Substrings("".join(name for _, name in some), ends - lengths, ends)
        owners, hashes = substrings.variants(substrings.starts, ends)
        stored.append(hashes << BITS | numbers[owners])
        stored += [hashed << BITS for add in (-1, 0, 1) for hashed in substrings.halves(lengths + add)]
    np.unique(np.concatenate(stored)).astype(STORED).tofile(path)


class Substrings:
    """Substrings of a text, each from a start to an end, and their hashes."""

    def __init__(self, text: str, starts: Numbers, ends: Numbers) -> None:
        self.starts, self.ends = starts, ends
        letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        powers, self._inverse = _powers(1 << len(letters).bit_length())
        self._sums = np.zeros(len(letters) + 1, np.uint64)
        np.cumsum(letters * powers[: len(letters)], out=self._sums[1:])

    def __getitem__(self, chosen: Numbers) -> Substrings:
        """Some of them."""
        substrings = object.__new__(Substrings)
        substrings.starts, substrings.ends = self.starts[chosen], self.ends[chosen]
        substrings._sums, substrings._inverse = self._sums, self._inverse
        return substrings

    def halves(self, lengths: Numbers) -> tuple[Numbers, Numbers]:
        """Hashes of the start and the end of each, one of which it shares with a text of this length one edit apart.

        An edit touches at most two adjacent characters of the text: the equal ones before and behind it are all others.
        """
        halves, keys = lengths // 2, 2 * lengths.astype(np.uint64)
        first = self._hash(self.starts, self.starts + halves)
        last = self._hash(self.ends - (lengths - halves - 1), self.ends)
        return _mixed(first + keys), _mixed(last + keys + np.uint64(1))

    def variants(self, low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
        """Index and hash of each, and of it without the character at each place from ``low`` to ``high``."""
        counts, every = high - low, np.arange(len(low))
        owners = np.repeat(every, counts)
        places = np.arange(len(owners)) + np.repeat(low - np.cumsum(counts) + counts, counts)
        before = self._sums[places] - self._sums[self.starts[owners]]
        behind = self._sums[self.ends[owners]] - self._sums[places + 1]
        lacking = (before + behind * np.uint64(INVERSE)) * self._inverse[self.starts[owners]]
        return np.concatenate([every, owners]), _mixed(np.concatenate([self._hash(self.starts, self.ends), lacking]))

    def _hash(self, starts: Numbers, ends: Numbers) -> Numbers:
        """The polynomial of the characters, modulo 2**64."""
        hashed: Numbers = (self._sums[ends] - self._sums[starts]) * self._inverse[starts]
        return hashed


class Variants:
    """The index that ``write_variants`` wrote. ``name`` returns the name with a number; OSError, ValueError: damaged.

    Only the index may be wrong, not what is found: every name is compared with the text.
    """

    def __init__(self, path: Path, name: Callable[[int], str]) -> None:
        self._name = name
        # An empty file cannot be mapped.
        self._stored = np.asarray(np.memmap(path, STORED, "r")) if path.stat().st_size else np.zeros(1, STORED)

    def near(self, text: str, starts: Sequence[int], ends: Sequence[int]) -> dict[int, int]:
        """The number of the only name that is one edit apart from a substring of a text, by the index of the substring.

        Substrings from which no name, or more than one, is one edit apart are left out.
        """
        lengths = np.subtract(ends, starts, dtype=np.int64)
        chosen = np.flatnonzero((lengths >= MIN_LENGTH - 1) & (lengths <= MAX_LENGTH + 1))
        every = Substrings(text, np.asarray(starts, np.int64), np.asarray(ends, np.int64))
        texts, lengths = every[chosen], lengths[chosen]
        first, last = (self._look_up(hashes)[1] for hashes in texts.halves(lengths))
        some = first | last
        texts, lengths, first, last, chosen = texts[some], lengths[some], first[some], last[some], chosen[some]
        low, high = np.where(last, 0, lengths // 2), np.where(first, lengths, lengths // 2 + 1)
        owners, hashes = texts.variants(texts.starts + low, texts.starts + high)
        at, known = self._look_up(hashes)
        numbers = dict[int, set[int]]()
        for i in np.flatnonzero(known):
            stored = self._stored[at[i] : at[i] + MAX_COMPARED]
            same = stored[stored >> BITS == hashes[i]]
            numbers.setdefault(int(owners[i]), set()).update((same & np.uint64(0xFFFFFFFF)).tolist())
        found = {i: self._only(text[texts.starts[i] : texts.ends[i]], some) for i, some in numbers.items()}
        return {int(chosen[i]): number for i, number in found.items() if number is not None}

    def _look_up(self, hashes: Numbers) -> tuple[Numbers, Numbers]:
        """Where each hash is in the index, and whether it is."""
        at = np.searchsorted(self._stored, hashes << BITS).clip(max=len(self._stored) - 1)
        return at, self._stored[at] >> BITS == hashes

    def _only(self, text: str, numbers: set[int]) -> int | None:
        found = [number for number in numbers if one_edit_apart(text, self._name(number))]
        return found[0] if len(found) == 1 else None


def one_edit_apart(one: str, other: str) -> bool:
    """Whether a character was inserted, left out or replaced, or two adjacent ones swapped; digits must be equal."""
    start = _shared(one, other)
    one, other = one[start:], other[start:]
    end = _shared(one[::-1], other[::-1])
    a, b = one[: len(one) - end], other[: len(other) - end]
    if any(character.isdigit() for character in a + b):  # Windows 95, Windows 98
        return False
    return {len(a), len(b)} in ({0, 1}, {1}) or (len(a) == 2 and a == b[::-1])


def _shared(one: str, other: str) -> int:
    """The length of the longest prefix of both."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@cache
def _powers(count: int) -> tuple[Numbers, Numbers]:
    """The first powers of the base of the hashes, and of its inverse."""
    bases = np.full((2, count + 1), [[BASE], [INVERSE]], np.uint64)
    bases[:, 0] = 1
    powers, inverse = np.cumprod(bases, axis=1, dtype=np.uint64)
    return powers, inverse


def _mixed(hashes: Numbers) -> Numbers:
    """The upper 32 bits, which depend on all."""
    mixed: Numbers = (hashes * np.uint64(FACTOR)) >> BITS
    return mixed
