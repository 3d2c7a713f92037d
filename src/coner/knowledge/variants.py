"""Names one edit apart from a text, found by the variants of both that lack one character (symmetric deletion)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

MIN_LENGTH, MAX_LENGTH = 8, 200  # characters of a name; in a shorter one an edit often gives another name
MAX_COMPARED = 64  # names of one variant that are compared
STORED = np.dtype("<u8")  # the hash of a variant in the upper half, the number of its name in the lower one


def write_variants(names: Iterable[tuple[int, str]], path: Path) -> None:
    """Write the index of these names, by number: about 8 bytes for each of their characters, sorted."""
    stored = [
        hashed << 32 | number
        for number, name in names
        if MIN_LENGTH <= len(name) <= MAX_LENGTH
        for hashed in _hashes(name)
    ]
    np.unique(np.array(stored, STORED)).tofile(path)


class Variants:
    """The index that ``write_variants`` wrote. ``name`` returns the name with a number; OSError, ValueError: damaged.

    Only the index may be wrong, not what is found: every name is compared with the text.
    """

    def __init__(self, path: Path, name: Callable[[int], str]) -> None:
        self._name = name
        # An empty file cannot be mapped.
        self._stored = np.asarray(np.memmap(path, STORED, "r")) if path.stat().st_size else np.empty(0, STORED)

    def near(self, texts: Sequence[str]) -> list[int | None]:
        """For each text the number of the name that is one edit apart from it, if there is exactly one."""
        hashes = [_hashes(text) if MIN_LENGTH - 1 <= len(text) <= MAX_LENGTH + 1 else [] for text in texts]
        owners = np.repeat(np.arange(len(texts)), [len(some) for some in hashes])
        wanted = np.array([hashed << 32 for some in hashes for hashed in some], np.uint64)
        first = np.searchsorted(self._stored, wanted)
        end = np.searchsorted(self._stored, wanted | np.uint64(0xFFFFFFFF), "right")
        numbers: list[set[int]] = [set() for _ in texts]
        for i in np.flatnonzero(first < end):
            stored = self._stored[first[i] : min(end[i], first[i] + MAX_COMPARED)]
            numbers[owners[i]].update((stored & np.uint64(0xFFFFFFFF)).tolist())
        return [self._only(text, some) for text, some in zip(texts, numbers, strict=True)]

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


def _hashes(text: str) -> list[int]:
    """Of the text, and of the texts that lack one of its characters; without duplicates."""
    variants = {text, *(text[:i] + text[i + 1 :] for i in range(len(text)))}
    return sorted({zlib.crc32(variant.encode("utf-8", "surrogatepass")) for variant in variants})
