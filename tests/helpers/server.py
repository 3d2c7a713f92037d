"""A service in a process of its own, and a plain client."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

SLOW = Path(__file__).with_name("slow_server.py")
COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from coner.cli import main; sys.argv[0] = 'coner'; main()"
)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """Of an error, after checking that it has the form of one."""
        assert set(self.json) == {"error"}, self
        assert set(self.json["error"]) == {"code", "message"}
        assert self.json["error"]["message"]
        assert "\n" not in self.json["error"]["message"]
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Server:
    """A running one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self._port()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)

    def _port(self) -> int:
        return int(self.wait_for(r"serving .* on http://.*:(\d+)$").group(1))

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match[str]:
        """A line on stderr."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in list(self.said):
                if match := re.search(pattern, line):
                    return match
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern}: {self.said}")

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 120
    ) -> Reply:
        """One request on a connection of its own; the body is JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            given = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
            connection.request(method, path, raw, given)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def tag(self, body: Any, **options: Any) -> Reply:
        return self.ask("POST", "/tag", body, **options)

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Samples by name and label values (the worker's aside), as Prometheus' own parser reads them."""
        text = self.ask("GET", "/metrics").text
        found: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                assert sample.labels["worker"].isdigit()
                values = tuple(value for name, value in sample.labels.items() if name != "worker")
                found[(sample.name, *values)] = sample.value
        return found

    def words(self, model: str = "told") -> float:
        """How many were tagged so far."""
        return self.metrics()["coner_words_total", model]

    def until(self, condition: Any, seconds: float = 30) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def ready(self) -> None:
        self.until(lambda: self.ask("GET", "/ready").status == 200, 120)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it, and wait for its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self._reader.join(10)
        return code


@contextmanager
def served(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """A program that serves, until the block ends."""
    variables = {**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True, env=variables)
    try:
        yield Server(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def told(environment: dict[str, str] | None = None, **settings: Any) -> Iterator[Server]:
    """A service around the tagger that does as it is told, ready."""
    with served(str(SLOW), json.dumps(settings), environment=environment) as server:
        server.ready()
        yield server
