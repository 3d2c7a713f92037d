"""Batches across requests: one queue and one thread a model.

A request is a job of one or several sentences. The thread fills a batch with the sentences of the oldest jobs, so a
large job is spread over several batches, and the rest of it is dropped once its client has disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby

from coner.core.errors import Unanswered
from coner.core.types import Entity, Sentence
from coner.families.registry import family
from coner.families.tagger import Tagger
from coner.serving.metrics import ModelMetrics
from coner.serving.settings import Batching

LOG = logging.getLogger("coner.serving")
WORD = 32  # characters that count as one word, so that huge words cannot fill the memory
Result = list[Entity] | Exception


def weight(sentence: Sentence) -> int:
    """Number of words; more if the words, or the white space between them, are unusually long."""
    characters = sum(map(len, sentence.words)) if sentence.text is None else len(sentence.text)
    return max(len(sentence), characters // WORD)


class NotReady(Exception):
    """The model is still loading, or the service is stopping; the message says which."""


class QueueFull(Exception):
    """The queue has no room for a request.

    Attributes:
        seconds: estimated time until the queue is empty.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(eq=False, slots=True)
class Job:
    """The sentences of one request, and their results so far."""

    sentences: Sequence[Sentence]
    results: dict[int, Result] = field(default_factory=dict)
    future: Future[list[list[Entity]]] = field(default_factory=Future)
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
            self.future.set_result([entities for entities in ordered if isinstance(entities, list)])


class Batcher:
    """A model with its queue and its thread.

    Args:
        load: opens the model; called in the thread.
        batching: sizes and waiting time.
        metrics: counts batches and dropped sentences.
        on_error: called, in the thread, with the reason why the model cannot be opened.

    Attributes:
        tagger: ``None`` while the model is loading.
        waiting: weight of the queue, in words.
        full: whether a request was rejected and the queue has not been half empty since.
    """

    def __init__(
        self,
        load: Callable[[], Tagger],
        batching: Batching,
        *,
        metrics: ModelMetrics,
        on_error: Callable[[Exception], None],
    ) -> None:
        self.tagger: Tagger | None = None
        self.waiting = 0
        self.full = False
        self._load, self._batching, self._metrics, self._on_error = load, batching, metrics, on_error
        self._jobs: dict[Job, None] = {}  # in order of arrival
        self._changed = threading.Condition()
        self._closing = False
        self._speed = 1000.0  # words a second, moving average
        self._thread = threading.Thread(target=self._run, name="coner-tagger", daemon=True)

    def start(self) -> None:
        """Start loading the model."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Accept no more requests and finish the queue; return after ``seconds`` at the latest."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)

    async def tag(self, sentences: Sequence[Sentence], seconds: float) -> list[list[Entity]]:
        """Entities of each sentence.

        Args:
            sentences: at least one, none of them empty.
            seconds: time limit.

        Raises:
            NotReady: the model is still loading, or the service is stopping.
            QueueFull: the queue has no room.
            TimeoutError: the time is over; sentences that are in no batch by then are dropped, as on cancellation.
        """
        job = Job(sentences)
        self._enqueue(job)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(job.future)
        finally:
            self._drop(job)

    def _enqueue(self, job: Job) -> None:
        words = job.waiting()
        with self._changed:
            if self.tagger is None or self._closing:
                raise NotReady("the service is stopping" if self._closing else "the model is loading")
            if self.waiting and self.waiting + words > self._batching.queue:
                self.full = True
                raise QueueFull(min(60, math.ceil(self.waiting / self._speed)))
            self._jobs[job] = None
            self.waiting += words
            self._changed.notify()

    def _drop(self, job: Job) -> None:
        with self._changed:
            if job not in self._jobs:  # all of it is in batches
                return
            del self._jobs[job]
            self._reduce(job.waiting())
        self._metrics.dropped.inc(len(job.sentences) - job.taken)

    def _reduce(self, words: int) -> None:
        self.waiting -= words
        self.full = self.full and self.waiting > self._batching.queue / 2

    def _run(self) -> None:
        try:
            self.tagger = tagger = self._load()
        except Exception as error:
            self._on_error(error)
            return
        while batch := self._next():
            try:
                self._tag(tagger, batch)
            except Exception as error:  # a bug costs the requests of this batch, not the thread
                LOG.exception("a batch of %d sentences failed", len(batch))
                for job, _ in batch:
                    if not job.future.done():
                        job.future.set_exception(error)

    def _next(self) -> list[tuple[Job, int]]:
        """The next batch: jobs and indices of their sentences; empty when closing and nothing waits."""
        with self._changed:
            while not (self._closing and not self._jobs):
                oldest = next(iter(self._jobs), None)
                rest = None if oldest is None else oldest.arrived + self._batching.wait - time.monotonic()
                if rest is not None and (rest <= 0 or self._closing or self.waiting >= self._batching.words):
                    return self._take()
                self._changed.wait(rest)
        return []

    def _take(self) -> list[tuple[Job, int]]:
        batch: list[tuple[Job, int]] = []
        room = self._batching.words
        for job in list(self._jobs):
            while job.taken < len(job.sentences):
                words = weight(job.sentences[job.taken])
                if batch and words > room:
                    return batch
                batch.append((job, job.taken))
                job.taken += 1
                room -= words
                self._reduce(words)
            del self._jobs[job]
        return batch

    def _tag(self, tagger: Tagger, batch: list[tuple[Job, int]]) -> None:
        sentences = [job.sentences[index] for job, index in batch]
        start = time.monotonic()
        results = tag_batch(tagger, batch)
        seconds = max(time.monotonic() - start, 1e-6)
        self._speed += 0.2 * (sum(map(weight, sentences)) / seconds - self._speed)
        self._metrics.record_batch(sentences, seconds)
        for (job, index), result in zip(batch, results, strict=True):
            job.add(index, result)


def tag_batch(tagger: Tagger, batch: Sequence[tuple[Job, int]]) -> list[Result]:
    """Entities of each sentence, or the reason why it has none; a prompt never holds texts of two requests."""
    shared = tagger.batch_multiple > 1  # several sentences share a prompt
    results: list[Result] = []
    for _, items in groupby(batch, key=lambda item: id(item[0]) if shared else 0):
        results += _tag_each(tagger, [job.sentences[index] for job, index in items])
    return results


def _tag_each(tagger: Tagger, sentences: Sequence[Sentence]) -> list[Result]:
    try:
        predictions = list(tagger.predict(sentences))
        if len(predictions) != len(sentences):
            raise RuntimeError(f"got {len(predictions)} predictions for {len(sentences)} sentences")
    except Exception as error:
        if len(sentences) == 1 or family(tagger.kind).asks_endpoint:  # its calls would be paid twice
            LOG.exception("the model failed on %d texts", len(sentences))
            return [error] * len(sentences)
        predictions = []
    if not predictions:  # one by one, so that the others get their entities
        return [result for sentence in sentences for result in _tag_each(tagger, [sentence])]
    unanswered = [prediction for prediction in predictions if prediction.entities is None]
    if unanswered:
        failures = Counter(failure for prediction in unanswered for failure in prediction.failures)
        lost = Unanswered(f"{len(unanswered)} of {len(sentences)} texts have no answer", failures)
        LOG.warning("%s", lost)
    return [lost if p.entities is None else list(p.entities) for p in predictions]
