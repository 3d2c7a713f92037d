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
from coner.serving.batcher import Batcher, Full, NotReady
from coner.serving.metrics import Metrics
from coner.serving.problem import Problem
from coner.serving.settings import Settings

LOG = logging.getLogger("coner.serving")
Load = Callable[[Path], Tagger]


class Service:
    """Opens models, and asks them.

    Args:
        settings: of the service.
        load: opens a model's folder.
        failed: is told, in another thread, why a model cannot be opened.

    Attributes:
        metrics: of this process.
        batchers: name to model, the default first.
    """

    def __init__(self, settings: Settings, *, load: Load, failed: Callable[[Exception], None]) -> None:
        self.metrics = Metrics()
        self.batchers: dict[str, Batcher] = {}
        self._seconds = settings.limits.seconds
        for name, folder in settings.models.items():
            watch = self.metrics.watch(name)
            opened = partial(_open, name, partial(load, folder))
            self.batchers[name] = Batcher(opened, settings.batching, watch=watch, failed=failed)
            self.metrics.look_at(name, self.batchers[name])
        self.default = next(iter(self.batchers))

    def start(self) -> None:
        """Begin to load every model."""
        for batcher in self.batchers.values():
            batcher.start()

    def close(self) -> None:
        """Finish what waits, and end; all models have the time of one request for that."""
        end = time.monotonic() + self._seconds
        for batcher in self.batchers.values():
            batcher.close(max(0.0, end - time.monotonic()))

    def name(self, given: str | None) -> str:
        """The model that is meant; ``Problem`` 404 where there is none of that name."""
        if given is not None and given not in self.batchers:
            known = ", ".join(self.batchers)
            raise Problem(404, "unknown_model", f"model {given!r} is not served; expected one of: {known}")
        return given or self.default

    def tagger(self, name: str) -> Tagger:
        """A model; ``Problem`` 503 while it is being loaded."""
        tagger = self.batchers[name].tagger
        if tagger is None:
            raise _not_ready(name, "the model is being loaded")
        return tagger

    async def tag(self, name: str, sentences: list[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence; ``Problem`` where there will be no answer: 429, 500, 502, 503, 504."""
        self.tagger(name)
        asked = [sentence for sentence in sentences if sentence.words]
        found: list[list[Entity]] = []
        try:
            found = await self.batchers[name].tag(asked, self._seconds) if asked else []
        except NotReady as why:
            raise _not_ready(name, str(why)) from None
        except Full as full:
            retry = {"Retry-After": str(full.seconds)}
            raise Problem(429, "busy", f"model {name}: too much is waiting; ask again", retry) from None
        except TimeoutError:
            message = f"model {name}: no answer after {self._seconds:g} s; ask for less at once, or later"
            raise Problem(504, "timed_out", message) from None
        except Unanswered:  # of a prompted model; the reason, which names the endpoint, is in the log
            message = f"model {name}: its language model gave no answer; ask again"
            raise Problem(502, "no_answer", message) from None
        except Exception:  # of the model; its thread has logged it
            raise Problem(500, "model_failed", f"model {name} failed on this; the server's log has it") from None
        answers = iter(found)
        return [next(answers) if sentence.words else [] for sentence in sentences]

    def check_ready(self) -> None:
        """``Problem`` 503 where a model is not loaded, or has so much to do that others should be asked."""
        for name, batcher in self.batchers.items():
            self.tagger(name)
            if batcher.full:
                raise Problem(503, "busy", f"model {name}: too much is waiting", {"Retry-After": "1"})


def _open(name: str, load: Callable[[], Tagger]) -> Tagger:
    start = time.monotonic()
    tagger = load()
    LOG.info("%s is ready after %.1f s", name, time.monotonic() - start)
    return tagger


def _not_ready(name: str, why: str) -> Problem:
    return Problem(503, "not_ready", f"model {name}: {why}", {"Retry-After": "1"})
