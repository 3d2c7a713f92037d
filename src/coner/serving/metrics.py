"""What Prometheus reads. Every series carries the process that it is of: a scrape reaches one of the workers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from coner.core.types import Sentence
from coner.serving.batcher import Batcher

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._shown = CollectorRegistry()
        self._shown.register(_Labelled(registry, worker=str(os.getpid())))
        ProcessCollector(registry=registry)
        of, model = ["path", "status"], ["model"]
        self._requests = Counter("coner_requests", "Requests that were answered.", of, registry=registry)
        self._seconds = Histogram(
            "coner_request_seconds",
            "From a request's headers to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self._words = Counter("coner_words", "Words tagged.", model, registry=registry)
        self._dropped = Counter(
            "coner_dropped_sentences", "Not tagged, since nobody waited any more.", model, registry=registry
        )
        self._sentences = Histogram(
            "coner_batch_sentences", "Sentences a batch.", model, buckets=SIZES, registry=registry
        )
        self._tagging = Histogram(
            "coner_batch_seconds", "Time of the model for a batch.", model, buckets=SECONDS, registry=registry
        )
        self._waiting = Gauge("coner_waiting_words", "Words in the queue.", model, registry=registry)
        self._ready = Gauge("coner_model_ready", "1 where the model is loaded.", model, registry=registry)

    def request(self, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def watch(self, model: str) -> ModelWatch:
        """The counters of one model."""
        return ModelWatch(
            self._words.labels(model),
            self._dropped.labels(model),
            self._sentences.labels(model),
            self._tagging.labels(model),
        )

    def look_at(self, model: str, batcher: Batcher) -> None:
        """Ask it for its state whenever somebody reads the metrics."""
        self._waiting.labels(model).set_function(lambda: batcher.waiting)
        self._ready.labels(model).set_function(lambda: batcher.tagger is not None)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._shown)


@dataclass(frozen=True)
class ModelWatch:
    """A batcher's ``Watch``."""

    words: Counter
    unwanted: Counter
    sentences: Histogram
    seconds: Histogram

    def batch(self, sentences: Sequence[Sentence], seconds: float) -> None:
        """A batch is tagged."""
        self.words.inc(sum(map(len, sentences)))
        self.sentences.observe(len(sentences))
        self.seconds.observe(seconds)

    def dropped(self, sentences: int) -> None:
        """So many sentences were not tagged."""
        self.unwanted.inc(sentences)


class _Labelled(Collector):
    """A registry's metrics, each sample with labels added."""

    def __init__(self, registry: CollectorRegistry, **labels: str) -> None:
        self._registry, self._labels = registry, labels

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **self._labels})
                for sample in metric.samples
                if not sample.name.endswith("_created")  # a third of the lines, for what nobody asks
            ]
            yield metric
