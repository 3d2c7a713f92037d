"""A prompted model behind the service: no text is sent twice, and no prompt holds texts of two requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coner.core.errors import Unanswered
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure
from coner.serving.jobs import Job, tag_batch


class RecordingTagger(Tagger):
    """Records its calls; the word ``silence`` has no answer, and ``fail`` raises."""

    kind, labels = "llm", ("City",)
    taxonomy = Taxonomy("stub", {"Place": {"City": ""}})

    def __init__(self, batch_multiple: int = 1) -> None:
        self.batch_multiple = batch_multiple
        self.calls: list[list[str]] = []

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        self.calls.append([sentence.words[0] for sentence in sentences])
        for sentence in sentences:
            if sentence.words[0] == "fail":
                raise RuntimeError("stub failure")
            if sentence.words[0] == "silence":
                yield Prediction(sentence, None, failures=(Failure("unreachable", "stub silence"),))
            else:
                yield Prediction(sentence, (Entity(0, 1, "City", 0.5),))

    def save(self, folder: Path) -> None: ...


def batch(*jobs: list[str]) -> list[tuple[Job, int]]:
    made = [Job([Sentence((word,)) for word in words]) for words in jobs]
    return [(job, index) for job in made for index in range(len(job.sentences))]


@pytest.mark.parametrize(("multiple", "calls"), [(1, [["a", "silence", "b"]]), (4, [["a", "silence"], ["b"]])])
def test_requests_never_share_a_prompt(multiple: int, calls: list[list[str]]) -> None:
    tagger = RecordingTagger(multiple)
    results = tag_batch(tagger, batch(["a", "silence"], ["b"]))
    assert tagger.calls == calls
    for result in (results[0], results[2]):
        assert isinstance(result, Prediction)
        assert result.entities == (Entity(0, 1, "City", 0.5),)
    assert isinstance(results[1], Unanswered)


def test_a_prompted_model_that_fails_is_not_called_again() -> None:
    tagger = RecordingTagger()
    results = tag_batch(tagger, batch(["a", "fail"]))
    assert tagger.calls == [["a", "fail"]]
    assert [type(result) for result in results] == [RuntimeError, RuntimeError]
