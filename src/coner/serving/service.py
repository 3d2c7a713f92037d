"""The models of one process, by name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from coner.core.errors import Unanswered
from coner.core.types import Entity, Sentence
from coner.families.tagger import Tagger
from coner.serving.batcher import Batcher, NotReady, QueueFull
from coner.serving.errors import ServiceError
from coner.serving.metrics import Metrics
from coner.serving.settings import Settings

LOG = logging.getLogger("coner.serving")
Load = Callable[[Path], Tagger]


class Service:
    """Loads models and tags with them.

    Args:
        settings: models, batching and time limit.
        load: opens a model folder.
        on_error: called, in another thread, with the reason why a model cannot be opened.

    Attributes:
        metrics: of this process.
        batchers: by the name of the model, the default first.
    """

    def __init__(self, settings: Settings, *, load: Load, on_error: Callable[[Exception], None]) -> None:
        self.metrics = Metrics()
        self.batchers: dict[str, Batcher] = {}
        self._seconds = settings.limits.seconds
        for name, folder in settings.models.items():
            batcher = Batcher(
                partial(_timed_load, name, partial(load, folder)),
                settings.batching,
                metrics=self.metrics.for_model(name),
                on_error=on_error,
            )
            self.metrics.watch(name, batcher)
            self.batchers[name] = batcher
        self.default = next(iter(self.batchers))

    def start(self) -> None:
        """Start loading all models."""
        for batcher in self.batchers.values():
            batcher.start()

    def close(self) -> None:
        """Finish what waits, then stop; all models together have the time limit of one request."""
        end = time.monotonic() + self._seconds
        for batcher in self.batchers.values():
            batcher.close(max(0.0, end - time.monotonic()))

    def model_name(self, requested: str | None) -> str:
        """The requested model or the default; ``ServiceError`` 404 if there is none of that name."""
        if requested is not None and requested not in self.batchers:
            known = ", ".join(self.batchers)
            raise ServiceError(404, "unknown_model", f"got model {requested!r}; expected one of: {known}")
        return requested or self.default

    def tagger(self, name: str) -> Tagger:
        """A model; ``ServiceError`` 503 while it is loading."""
        tagger = self.batchers[name].tagger
        if tagger is None:
            raise _not_ready(name, "the model is loading")
        return tagger

    async def tag(self, name: str, sentences: list[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence; ``ServiceError`` 429, 500, 502, 503 or 504 if there is no answer."""
        self.tagger(name)
        nonempty = [sentence for sentence in sentences if sentence.words]
        try:
            results = iter(await self.batchers[name].tag(nonempty, self._seconds) if nonempty else [])
        except NotReady as error:
            raise _not_ready(name, str(error)) from None
        except QueueFull as error:
            retry = {"Retry-After": str(error.seconds)}
            raise ServiceError(429, "busy", f"model {name}: the queue is full; try again later", retry) from None
        except TimeoutError:
            message = f"model {name}: no answer within {self._seconds:g} s. Fix: send less at once, or try again later"
            raise ServiceError(504, "timed_out", message) from None
        except Unanswered:  # the reason names the endpoint, so it stays in the log
            message = f"model {name}: its language model gave no answer; try again later"
            raise ServiceError(502, "no_answer", message) from None
        except Exception:  # already logged by the batcher
            raise ServiceError(500, "model_failed", f"model {name} failed; see the log of the server") from None
        return [next(results) if sentence.words else [] for sentence in sentences]

    def check_ready(self) -> None:
        """``ServiceError`` 503 if a model is loading or its queue is full."""
        for name, batcher in self.batchers.items():
            self.tagger(name)
            if batcher.full:
                raise ServiceError(503, "busy", f"model {name}: the queue is full", {"Retry-After": "1"})


def _timed_load(name: str, load: Callable[[], Tagger]) -> Tagger:
    start = time.monotonic()
    tagger = load()
    LOG.info("loaded %s in %.1f s", name, time.monotonic() - start)
    return tagger


def _not_ready(name: str, why: str) -> ServiceError:
    return ServiceError(503, "not_ready", f"model {name}: {why}", {"Retry-After": "1"})
