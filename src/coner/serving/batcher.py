"""One thread a model: it tags what waits, in order of arrival, sentences of several requests together.

A request is a job of one or more sentences. The thread takes sentences from the oldest jobs on until a batch is full;
so a large job is done in several batches, and one whose client has gone is not gone on with.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from coner.core.errors import Unanswered
from coner.core.types import Entity, Sentence
from coner.families.asking import Asking
from coner.families.tagger import Tagger
from coner.serving.settings import Batching

LOG = logging.getLogger("coner.serving")


WORD = 32  # characters that weigh as much as a word: nobody fills the memory with words of a megabyte


def weight(sentence: Sentence) -> int:
    """Its words; more where they, or the white space between them, are uncommonly long."""
    characters = sum(map(len, sentence.words)) if sentence.text is None else len(sentence.text)
    return max(len(sentence), characters // WORD)


class NotReady(Exception):
    """The model is not loaded yet, or the service is stopping; the message says which."""


class Full(Exception):
    """Too much waits already.

    Attributes:
        seconds: after which it is worth asking again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Watch(Protocol):
    """Is told what a batcher does, from its thread."""

    def batch(self, sentences: Sequence[Sentence], seconds: float) -> None:
        """A batch is tagged."""

    def dropped(self, sentences: int) -> None:
        """So many sentences were not tagged, since nobody waits for them any more."""


@dataclass(eq=False, slots=True)
class _Job:
    sentences: Sequence[Sentence]
    found: list[list[Entity] | Exception | None]
    future: Future[list[list[Entity]]] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)
    begun: int = 0  # sentences that a batch has taken
    done: int = 0

    def words(self) -> int:
        """Those that no batch has taken yet."""
        return sum(map(weight, self.sentences[self.begun :]))


class Batcher:
    """A model, its queue and its thread.

    Args:
        open: loads the model; called in the thread.
        batching: sizes and waiting times.
        watch: is told of every batch.
        failed: is told, in the thread, why the model cannot be loaded.

    Attributes:
        tagger: ``None`` until it is loaded.
        waiting: words in the queue, by ``weight``.
        full: a request was turned away, and the queue is not half empty since.
    """

    def __init__(
        self,
        open: Callable[[], Tagger],
        batching: Batching,
        *,
        watch: Watch,
        failed: Callable[[Exception], None],
    ) -> None:
        self.tagger: Tagger | None = None
        self.waiting = 0
        self.full = False
        self._open, self._batching, self._watch, self._failed = open, batching, watch, failed
        self._jobs: dict[_Job, None] = {}  # in order of arrival
        self._changed = threading.Condition()
        self._closing = False
        self._speed = 1000.0  # words a second, of the last batches
        self._thread = threading.Thread(target=self._work, name="coner-tagger", daemon=True)

    def start(self) -> None:
        """Begin to load the model."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Take no more, finish what waits, and end; after so many seconds go without."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)

    async def tag(self, sentences: Sequence[Sentence], seconds: float) -> list[list[Entity]]:
        """Entities of each sentence.

        Args:
            sentences: one or more, each with a word.
            seconds: to wait at most.

        Raises:
            NotReady: the model is not loaded yet, or the service is stopping.
            Full: too much waits already.
            TimeoutError: it took too long. What was not begun by then will not be tagged, as upon cancellation.
        """
        job = _Job(sentences, [None] * len(sentences))
        self._admit(job)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(job.future)
        finally:
            self._drop(job)

    def _admit(self, job: _Job) -> None:
        words = job.words()
        with self._changed:
            if self.tagger is None or self._closing:
                raise NotReady("the service is stopping" if self._closing else "the model is being loaded")
            if self.waiting and self.waiting + words > self._batching.queue:
                self.full = True
                raise Full(min(60, math.ceil(self.waiting / self._speed)))
            self._jobs[job] = None
            self.waiting += words
            self._changed.notify()

    def _drop(self, job: _Job) -> None:
        """Nobody waits for it any more; often since it is done."""
        with self._changed:
            if job not in self._jobs:
                return
            del self._jobs[job]
            self._leave(job.words())
        self._watch.dropped(len(job.sentences) - job.begun)

    def _leave(self, words: int) -> None:
        self.waiting -= words
        self.full = self.full and self.waiting > self._batching.queue / 2

    def _work(self) -> None:
        try:
            self.tagger = tagger = self._open()
        except Exception as error:
            self._failed(error)
            return
        while batch := self._next():
            try:
                self._tag(tagger, batch)
            except Exception as error:  # a fault of ours costs these requests, not all that come after
                LOG.exception("a batch of %d sentences failed", len(batch))
                for job, _ in batch:
                    if not job.future.done():
                        job.future.set_exception(error)

    def _next(self) -> list[tuple[_Job, int]]:
        """The next batch, each sentence by its job and its place there; empty when closing and all is done."""
        with self._changed:
            while not (self._closing and not self._jobs):
                oldest = next(iter(self._jobs), None)
                rest = None if oldest is None else oldest.arrived + self._batching.wait - time.monotonic()
                if rest is not None and (rest <= 0 or self._closing or self.waiting >= self._batching.words):
                    return self._take()
                self._changed.wait(rest)
        return []

    def _take(self) -> list[tuple[_Job, int]]:
        batch: list[tuple[_Job, int]] = []
        room = self._batching.words
        for job in list(self._jobs):
            while job.begun < len(job.sentences):
                words = weight(job.sentences[job.begun])
                if batch and words > room:
                    return batch
                batch.append((job, job.begun))
                job.begun += 1
                room -= words
                self._leave(words)
            del self._jobs[job]
        return batch

    def _tag(self, tagger: Tagger, batch: list[tuple[_Job, int]]) -> None:
        sentences = [job.sentences[at] for job, at in batch]
        start = time.monotonic()
        found = _asked(tagger, batch) if isinstance(tagger, Asking) else tag_apart(tagger, sentences)
        seconds = max(time.monotonic() - start, 1e-6)
        self._speed += 0.2 * (sum(map(weight, sentences)) / seconds - self._speed)
        self._watch.batch(sentences, seconds)
        for (job, at), entities in zip(batch, found, strict=True):
            if job.future.done():
                continue
            job.found[at] = entities
            job.done += 1
            if job.done == len(job.sentences):
                _answer(job)


def _asked(tagger: Asking, batch: Sequence[tuple[_Job, int]]) -> list[list[Entity] | Exception]:
    """Of a model behind an endpoint: nothing is paid for twice, and no prompt holds texts of two clients."""
    found: list[list[Entity] | Exception] = []
    for _, group in groupby(batch, key=lambda item: id(item[0]) if tagger.together > 1 else 0):
        sentences = [job.sentences[at] for job, at in group]
        before = tagger.account()
        try:
            answers = list(tagger.answers(sentences))
        except Exception as error:
            LOG.exception("the model failed on %d texts", len(sentences))
            found += [error] * len(sentences)
            continue
        lost = None
        if None in answers:
            lost = Unanswered("a text has no answer", tagger.account().since(before).failures)
            LOG.warning("%s", lost)
        found += [lost if lost is not None and answer is None else answer or [] for answer in answers]
    return found


def tag_apart(tagger: Tagger, sentences: Sequence[Sentence]) -> list[list[Entity] | Exception]:
    """Entities of each; where the tagger fails, each sentence by itself, so that one does not spoil its neighbours."""
    try:
        found = tagger.tag(sentences)
        if len(found) != len(sentences):
            raise RuntimeError(f"{len(found)} answers to {len(sentences)} sentences")
        return list(found)
    except Exception as error:
        if len(sentences) == 1 and isinstance(error, Unanswered):
            LOG.warning("%s", error)
            return [error]
        if len(sentences) == 1:
            LOG.exception("the model failed on a text of %d words", len(sentences[0]))
            return [error]
    return [tag_apart(tagger, [sentence])[0] for sentence in sentences]


def _answer(job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():  # its client has gone
        return
    if errors := [found for found in job.found if isinstance(found, Exception)]:
        job.future.set_exception(errors[0])
    else:
        job.future.set_result([found for found in job.found if isinstance(found, list)])
