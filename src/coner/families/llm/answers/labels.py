"""Labels as a language model writes them, matched to those of the taxonomy."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from coner.data.taxonomy import Taxonomy


class Labels:
    """The labels that may be answered.

    Case, spaces, accents and punctuation do not matter, nor a group in front (``Person: Artist``). Labels that differ
    in nothing else have to be written exactly.

    Args:
        names: that may be answered.
        groups: the coarse labels, which are no answer where fine ones are asked for.
        prefixed: each name with its group in front, in the order of the names.
    """

    def __init__(self, names: Sequence[str], groups: Iterable[str] = (), *, prefixed: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        self._exact = frozenset(names)
        alone = _unique(zip(map(fold_label, names), names, strict=True))
        self._folded = _unique(zip(map(fold_label, prefixed), names, strict=False)) | alone
        self._groups = {fold_label(group) for group in groups}

    @classmethod
    def fine(cls, taxonomy: Taxonomy) -> Labels:
        """The classes of a taxonomy; its groups are known, and are none of them."""
        prefixed = [coarse + fine for fine, coarse in taxonomy.coarse_by_fine.items()]
        return cls(taxonomy.labels, taxonomy.coarse_labels, prefixed=prefixed)

    def match(self, written: str) -> str | None:
        """The label that is meant, or ``None``."""
        return written if written in self._exact else self._folded.get(fold_label(written))

    def is_group(self, written: str) -> bool:
        """It names a group, and no label."""
        return self.match(written) is None and fold_label(written) in self._groups


def fold_label(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in folded if character.isalnum())


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Without the keys that mean several things, and the empty one."""
    found: dict[str, str] = {}
    double = {""}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            double.add(key)
    return {key: value for key, value in found.items() if key not in double}
