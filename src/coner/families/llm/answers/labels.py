"""Match labels as language models write them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from coner.data.taxonomy import Taxonomy


class LabelMatcher:
    """Matches labels regardless of case, spaces, accents, punctuation and a group in front (``Person: Artist``).

    Labels that differ in nothing else must be written exactly. ``names`` are accepted, and also those in ``prefixed``,
    each with its group in front; ``groups``, coarse labels, are recognized and not accepted.
    """

    def __init__(self, names: Sequence[str], groups: Iterable[str] = (), *, prefixed: Iterable[str] = ()) -> None:
        self.names = tuple(names)
        self._exact = frozenset(names)
        alone = _unambiguous(zip(map(fold_label, names), names, strict=True))
        self._folded = _unambiguous(zip(map(fold_label, prefixed), names, strict=False)) | alone
        self._groups = {fold_label(group) for group in groups}

    @classmethod
    def of_classes(cls, taxonomy: Taxonomy) -> LabelMatcher:
        """Accepts the fine labels of a taxonomy, and recognizes its groups."""
        prefixed = [coarse + fine for fine, coarse in taxonomy.coarse_by_fine.items()]
        return cls(taxonomy.labels, taxonomy.coarse_labels, prefixed=prefixed)

    def match(self, text: str) -> str | None:
        """The accepted label that the text stands for, or ``None``."""
        return text if text in self._exact else self._folded.get(fold_label(text))

    def is_group(self, text: str) -> bool:
        """Whether the text, which stands for no accepted label, names a group."""
        return fold_label(text) in self._groups


def fold_label(text: str) -> str:
    """Only the letters and digits, without case and accents."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in folded if character.isalnum())


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    values = defaultdict[str, set[str]](set)
    for key, value in pairs:
        values[key].add(value)
    return {key: next(iter(options)) for key, options in values.items() if key and len(options) == 1}
