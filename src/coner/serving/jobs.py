"""Requests as jobs, and tagging a batch of their sentences."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby

from coner.core.errors import Unanswered
from coner.core.types import Sentence
from coner.families.registry import family
from coner.families.tagger import Prediction, Tagger

LOG = logging.getLogger("coner.serving")
WORD = 32  # characters that count as one word, so that huge words cannot fill the memory
Result = Prediction | Exception


def weight(sentence: Sentence) -> int:
    """Number of words; more if the words, or the white space between them, are unusually long."""
    characters = sum(map(len, sentence.words)) if sentence.text is None else len(sentence.text)
    return max(len(sentence), characters // WORD)


@dataclass(eq=False, slots=True)
class Job:
    """The sentences of one request, and their results so far."""

    sentences: Sequence[Sentence]
    results: dict[int, Result] = field(default_factory=dict)
    future: Future[list[Prediction]] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)
    taken: int = 0  # sentences that are in a batch already

    def waiting(self) -> int:
        """Weight of the sentences that are in no batch yet."""
        return sum(map(weight, self.sentences[self.taken :]))

    def add(self, index: int, result: Result) -> None:
        """Store the result of a sentence; the last one completes the future."""
        if self.future.done():
            return
        self.results[index] = result
        if len(self.results) < len(self.sentences) or not self.future.set_running_or_notify_cancel():
            return
        if errors := [result for result in self.results.values() if isinstance(result, Exception)]:
            self.future.set_exception(errors[0])
        else:
            ordered = [self.results[i] for i in range(len(self.sentences))]
            self.future.set_result([result for result in ordered if isinstance(result, Prediction)])


def tag_batch(tagger: Tagger, batch: Sequence[tuple[Job, int]]) -> list[Result]:
    """The prediction for each sentence, or the reason why it has none; a prompt never mixes two requests."""
    shared = tagger.batch_multiple > 1  # several sentences share a prompt
    results: list[Result] = []
    for _, items in groupby(batch, key=lambda item: id(item[0]) if shared else 0):
        results += _tag_each(tagger, [job.sentences[index] for job, index in items])
    return results


def _tag_each(tagger: Tagger, sentences: Sequence[Sentence]) -> list[Result]:
    try:
        predictions: list[Prediction] | None = list(tagger.predict(sentences))
    except Exception as error:
        if len(sentences) == 1 or family(tagger.kind).calls_endpoint:  # a second try would pay for the calls again
            LOG.exception("the model failed on %d texts", len(sentences))
            return [error] * len(sentences)
        predictions = None
    if predictions is None:  # one by one, so that the others get their entities
        return [result for sentence in sentences for result in _tag_each(tagger, [sentence])]
    if unanswered := [prediction for prediction in predictions if prediction.entities is None]:
        failures = Counter(failure for prediction in unanswered for failure in prediction.failures)
        lost = Unanswered(f"{len(unanswered)} of {len(sentences)} texts have no answer", failures)
        LOG.warning("%s", lost)
    return [lost if prediction.entities is None else prediction for prediction in predictions]
