"""A service in a process of its own, and a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from helpers.shell import CODE as COMMAND

__all__ = ["COMMAND", "STUB", "Reply", "Server", "run_server", "run_stub"]
STUB = Path(__file__).with_name("stub_service.py")


class Reply(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of an error, whose form is checked."""
        assert set(self.json) == {"error"}, self
        assert set(self.json["error"]) == {"code", "message"}
        assert self.message
        assert "\n" not in self.message
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Server:
    """A running service; ``log`` holds the lines of its stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"serving .* on http://.*:(\d+)$").group(1))

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match[str]:
        """Wait for a line on stderr."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in list(self.log):
                if match := re.search(pattern, line):
                    return match
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern}: {self.log}")

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 120
    ) -> Reply:
        """One request on a new connection; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            sent = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
            connection.request(method, path, raw, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Reply:
        return self.request("GET", path, **options)

    def tag(self, body: Any, **options: Any) -> Reply:
        return self.request("POST", "/tag", body, **options)

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Samples by name and label values (without the worker), read by the parser of Prometheus."""
        samples: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                assert sample.labels["worker"].isdigit()
                values = tuple(value for name, value in sample.labels.items() if name != "worker")
                samples[(sample.name, *values)] = sample.value
        return samples

    def words(self) -> float:
        """Words tagged so far by the stub."""
        return self.metrics()["coner_words_total", "stub"]

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def ready(self) -> None:
        self.until(lambda: self.get("/ready").status == 200, 120)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join(10)
        return code


@contextmanager
def run_server(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """Run a Python program that serves, until the block ends."""
    variables = {**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True, env=variables)
    try:
        yield Server(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def run_stub(environment: dict[str, str] | None = None, **settings: Any) -> Iterator[Server]:
    """Run a service around the stub tagger, and wait until it is ready."""
    with run_server(str(STUB), json.dumps(settings), environment=environment) as server:
        server.ready()
        yield server
