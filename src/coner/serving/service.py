"""The models of one process, by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from coner.core.types import Entity, Sentence
from coner.families.tagger import Tagger
from coner.serving.batcher import Batcher
from coner.serving.errors import ServiceError
from coner.serving.metrics import Metrics
from coner.serving.settings import Settings

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
        self.metrics = metrics = Metrics()
        self.batchers = {
            name: Batcher(name, partial(load, folder), batching=settings.batching, metrics=metrics, on_error=on_error)
            for name, folder in settings.models.items()
        }
        self.default = next(iter(self.batchers))
        self._seconds = settings.limits.seconds

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
        return self.batchers[name].loaded()

    async def tag(self, name: str, sentences: list[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence; ``ServiceError`` if there is no answer."""
        self.tagger(name)
        nonempty = [sentence for sentence in sentences if sentence.words]
        results = iter(await self.batchers[name].tag(nonempty, self._seconds) if nonempty else [])
        return [next(results) if sentence.words else [] for sentence in sentences]

    def check_ready(self) -> None:
        """``ServiceError`` 503 if a model is loading or its queue is full."""
        for batcher in self.batchers.values():
            batcher.check_ready()
