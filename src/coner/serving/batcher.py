"""Batches across requests: one queue and one thread per model.

A request is a job of one or several sentences. The thread fills a batch with the sentences of the oldest jobs, so a
large job is spread over several batches, and the rest of it is dropped once its client has disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from coner.core.errors import Unanswered
from coner.core.types import Sentence
from coner.families.tagger import Prediction, Tagger
from coner.serving.errors import ServiceError
from coner.serving.jobs import Job, tag_batch, weight
from coner.serving.known import KnownNames
from coner.serving.metrics import Metrics
from coner.serving.settings import Settings

LOG = logging.getLogger("coner.serving")
Load = Callable[[Path], Tagger]  # opens a model folder
OnError = Callable[[Exception], None]  # called, in another thread, with the reason why a model cannot be opened


class Batcher:
    """A model with its queue and its thread."""

    def __init__(self, name: str, settings: Settings, *, load: Load, on_error: OnError, metrics: Metrics) -> None:
        self.name = name
        self.tagger: Tagger | None = None  # ``None`` while the model is loading
        self.waiting = 0  # weight of the queue, in words
        self.full = False  # a request was rejected, and the queue has not been half empty since
        metrics.watch(name, waiting=lambda: self.waiting, ready=lambda: self.tagger is not None)
        self._folder, self._batching, self._seconds = settings.models[name], settings.batching, settings.limits.seconds
        self._load, self._on_error, self._metrics = load, on_error, metrics
        self._jobs: dict[Job, None] = {}  # in order of arrival
        self._changed = threading.Condition()
        self._closing = False
        self._speed = 1000.0  # words per second, moving average
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

    async def tag(self, sentences: Sequence[Sentence]) -> list[Prediction]:
        """The prediction for each sentence; none is without an answer.

        Raises:
            ServiceError: 429 if the queue is full, 500 or 502 if the model or its endpoint failed, 503 if it is not
                loaded or the service is stopping, 504 on timeout. Then, and on cancellation, sentences that
                are in no batch yet are dropped.
        """
        self.loaded()
        if not (nonempty := [sentence for sentence in sentences if sentence.words]):
            return [Prediction(sentence, ()) for sentence in sentences]
        job = Job(nonempty)
        self._enqueue(job)
        try:
            async with asyncio.timeout(self._seconds):
                results = await asyncio.wrap_future(job.future)
        except TimeoutError:
            why = f"no answer within {self._seconds:g} s. Fix: send less text per request, or try again later"
            raise self._error(504, "timed_out", why) from None
        except Unanswered:  # the reason names the endpoint, so it stays in the log
            raise self._error(502, "no_answer", "its language model gave no answer; try again later") from None
        except Exception:  # logged by the thread
            raise self._error(500, "model_failed", "it failed; see the log of the server") from None
        finally:
            self._drop(job)
        remaining = iter(results)
        return [next(remaining) if sentence.words else Prediction(sentence, ()) for sentence in sentences]

    def loaded(self) -> Tagger:
        """The model; ``ServiceError`` 503 while it is loading."""
        if self.tagger is None:
            raise self._error(503, "not_ready", "it is still loading", retry=1)
        return self.tagger

    def check_ready(self) -> None:
        """``ServiceError`` 503 if the model is loading or the queue is full."""
        self.loaded()
        if self.full:
            raise self._error(503, "busy", "the queue is full", retry=1)

    def _error(self, status: int, code: str, why: str, *, retry: int | None = None) -> ServiceError:
        headers = None if retry is None else {"Retry-After": str(retry)}
        return ServiceError(status, code, f"model {self.name}: {why}", headers)

    def _enqueue(self, job: Job) -> None:
        words = job.waiting()
        with self._changed:
            if self._closing:
                raise self._error(503, "not_ready", "the service is stopping", retry=1)
            if self.waiting and self.waiting + words > self._batching.queue:
                self.full = True
                seconds = min(60, math.ceil(self.waiting / self._speed))  # until the queue is empty
                raise self._error(429, "busy", "the queue is full; try again later", retry=seconds)
            self._jobs[job] = None
            self.waiting += words
            self._changed.notify()

    def _drop(self, job: Job) -> None:
        with self._changed:
            if job not in self._jobs:  # all of it is in batches
                return
            del self._jobs[job]
            self._reduce(job.waiting())
        self._metrics.dropped.labels(self.name).inc(len(job.sentences) - job.taken)

    def _reduce(self, words: int) -> None:
        self.waiting -= words
        self.full = self.full and self.waiting > self._batching.queue / 2

    def _run(self) -> None:
        start = time.monotonic()
        try:
            self.tagger = tagger = self._load(self._folder)
        except Exception as error:
            self._on_error(error)
            return
        known = KnownNames(tagger)
        LOG.info("loaded %s in %.1f s", self.name, time.monotonic() - start)
        while batch := self._next():
            try:
                self._tag(tagger, known, batch)
            except Exception as error:  # a bug fails the requests of this batch, not the thread
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

    def _tag(self, tagger: Tagger, known: KnownNames, batch: list[tuple[Job, int]]) -> None:
        sentences = [job.sentences[index] for job, index in batch]
        start = time.monotonic()
        results = known.add(tag_batch(tagger, batch))
        seconds = max(time.monotonic() - start, 1e-6)
        self._speed += 0.2 * (sum(map(weight, sentences)) / seconds - self._speed)
        self._metrics.words.labels(self.name).inc(sum(map(len, sentences)))
        self._metrics.batch_sentences.labels(self.name).observe(len(sentences))
        self._metrics.batch_seconds.labels(self.name).observe(seconds)
        for (job, index), result in zip(batch, results, strict=True):
            job.add(index, result)
