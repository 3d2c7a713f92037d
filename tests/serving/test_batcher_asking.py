"""A served language model: nothing is asked twice, and no prompt holds texts of two requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import Unanswered
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.asking import Asking
from coner.families.llm.account import Account
from coner.families.llm.prompts.messages import Failure
from coner.families.llm.settings import Budget
from coner.serving.batcher import _asked, _Job


class Told(Asking):
    """Notes what is asked together; the word ``silence`` has no answer."""

    kind, model, unit, labels, repaired = "told", "m", "sentence", ("City",), 0
    taxonomy = Taxonomy("told", {"Place": {"City": ""}})

    def __init__(self, together: int) -> None:
        self.together = together
        self.calls: list[list[str]] = []
        self.failures: Counter[Any] = Counter()

    def answers(self, sentences: Iterable[Sentence]) -> Iterator[list[Entity] | None]:
        words = [sentence.words[0] for sentence in sentences]
        self.calls.append(words)
        self.failures[Failure("unreachable", "as told")] += words.count("silence")
        return iter([None if word == "silence" else [Entity(0, 1, "City", 0.5)] for word in words])

    def account(self) -> Account:
        return Account(failures=self.failures.copy())

    def allow(self, budget: Budget, ledger: Path | None) -> None: ...
    def save(self, folder: Path) -> None: ...
    def tag(self, sentences: Any) -> Any:
        raise AssertionError("a batch that fails would be paid again")


@pytest.mark.parametrize(("together", "calls"), [(1, [["a", "silence", "b"]]), (4, [["a", "silence"], ["b"]])])
def test_each_text_is_asked_once_and_with_none_of_another_request(together: int, calls: list[list[str]]) -> None:
    tagger = Told(together)
    first, second = (_Job([Sentence((w,)) for w in ws], [None] * len(ws)) for ws in (["a", "silence"], ["b"]))
    found = _asked(tagger, [(first, 0), (first, 1), (second, 0)])
    assert tagger.calls == calls
    assert found[0] == found[2] == [Entity(0, 1, "City", 0.5)]
    assert isinstance(found[1], Unanswered)
