"""Metrics for Prometheus. Every sample is labelled with its process, since a scrape reaches only one worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = tuple(1 << power for power in range(14))


class Metrics(Collector):
    """All metrics of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        by_model: dict[str, Any] = {"labelnames": ["model"], "registry": registry}
        self.requests = Counter("coner_requests", "Requests answered.", ["path", "status"], registry=registry)
        self.request_seconds = Histogram(
            "coner_request_seconds", "Time from headers to response.", ["path"], buckets=SECONDS, registry=registry
        )
        self.words = Counter("coner_words", "Words tagged.", **by_model)
        self.dropped = Counter("coner_dropped_sentences", "Sentences of cancelled requests.", **by_model)
        self.batch_sentences = Histogram("coner_batch_sentences", "Sentences in a batch.", buckets=SIZES, **by_model)
        self.batch_seconds = Histogram("coner_batch_seconds", "Time to tag a batch.", buckets=SECONDS, **by_model)
        self._waiting = Gauge("coner_waiting_words", "Words in the queue.", **by_model)
        self._ready = Gauge("coner_model_ready", "1 if the model is loaded.", **by_model)

    def watch(self, model: str, *, waiting: Callable[[], float], ready: Callable[[], float]) -> None:
        """Add a model: its gauges are read at each scrape, its counters start at 0."""
        self._waiting.labels(model).set_function(waiting)
        self._ready.labels(model).set_function(ready)
        for metric in (self.words, self.dropped, self.batch_sentences, self.batch_seconds):
            metric.labels(model)

    def collect(self) -> Iterator[Metric]:
        """All metrics, each sample labelled with the process id."""
        worker = {"worker": str(os.getpid())}
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **worker})
                for sample in metric.samples
                if not sample.name.endswith("_created")  # a third of all lines, which hardly anyone uses
            ]
            yield metric
