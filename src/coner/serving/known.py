"""Look up the names that a model finds in its knowledge base, in the thread that tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from coner.core.errors import ConerError
from coner.families.tagger import Tagger
from coner.knowledge.entry import KNOWN
from coner.serving.jobs import Result

CACHED = 1 << 14  # names


class KnownNames:
    """Adds the knowledge base's entries for each entity to the predictions of a tagger."""

    def __init__(self, tagger: Tagger) -> None:
        self._names = tagger.names
        self._look_up = lru_cache(CACHED)(self._texts)

    def add(self, results: Sequence[Result]) -> list[Result]:
        """The results; or, of a sentence with a name that cannot be looked up, why."""
        return [*results] if self._names is None else [self._with_known(result) for result in results]

    def _with_known(self, result: Result) -> Result:
        if isinstance(result, Exception):
            return result
        words = result.sentence.words
        try:
            known = [self._look_up(" ".join(words[entity.start : entity.end])) for entity in result.entities or ()]
        except ConerError as error:
            return error
        return replace(result, known=tuple(known))

    def _texts(self, name: str) -> tuple[str, ...]:
        return () if self._names is None else tuple(map(str, self._names.lookup(name, KNOWN)))
