"""A service under load: with batches across requests, compared with the same service without.

    python benchmarks/serving.py runs/paper-minilm --input data/dev.conll [--clients 64] [--seconds 20] [--rounds 3]

Two services run, each in its own process: one with the defaults, one that tags every sentence alone (--batch-words 1).
They are loaded in turn by clients that send one sentence per request, wait for the answer, and send the next. Every
answer is compared with the prediction for the sentence alone in this process: the same words, spans and labels, and
confidences within --tolerance (an encoder in bfloat16 rounds differently from batch to batch; a CRF does not). "p95" is
the time within which 95 % of the requests are answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from harness import SAMPLE, arguments, command, existing, positive, report, row, spell

import coner
from coner.core.types import Entity, Sentence
from coner.families.tagger import Tagger

SERVE = "import sys; sys.argv[0] = 'coner'; from coner.cli import main; main()"
HEAD = "POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
WARM = 2.0  # seconds of load before the first round


@dataclass
class Load:
    """The result of a round.

    Attributes:
        seconds: of each request that was answered correctly.
        wrong: answers that differ from the expected one.
        lost: requests without an answer, or with an error.
        lasted: seconds from the first request to the last answer.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0
    lasted: float = 0.0


@dataclass
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    port: int

    def ready(self) -> bool:
        """Whether its model is loaded."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/ready") as answer:
                return bool(answer.status == 200)
        except HTTPError:
            return False

    def memory(self) -> float:
        """Resident memory in MB."""
        text = urlopen(f"http://127.0.0.1:{self.port}/metrics").read().decode()
        match = re.search(r"^process_resident_memory_bytes\S* (\S+)$", text, re.MULTILINE)
        assert match
        return float(match[1]) / 1e6


@contextmanager
def served(model: Path, *options: str) -> Iterator[Service]:
    """Start a service, and stop it; its exit code must be 0."""
    command = [sys.executable, "-c", SERVE, "serve", str(model), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        port = int(next(m[1] for m in (re.search(r"on http://.*:(\d+)$", line) for line in lines) if m))
        service = Service(process, port)
        while not service.ready():
            time.sleep(0.1)
        try:
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    if code:
        raise SystemExit(f"the service ended with exit code {code}")


async def load(
    port: int, cases: Sequence[tuple[bytes, Any]], *, clients: int, seconds: float, tolerance: float
) -> Load:
    """Run clients for ``seconds``, each on its own connection; each request sends the next of all sentences."""
    result, numbers, start = Load(), count(), time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < start + seconds:
            request, expected = cases[next(numbers) % len(cases)]
            began = time.perf_counter()
            writer.write(request)
            try:
                status, answer = await asyncio.wait_for(_answer(reader), 120)
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                result.lost += 1
                return
            took = time.perf_counter() - began
            if status != 200:
                result.lost += 1
            elif not same(json.loads(answer)["results"][0], expected, tolerance):
                result.wrong += 1
            else:
                result.seconds.append(took)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    result.lasted = time.perf_counter() - start
    return result


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    return int(head.split(maxsplit=2)[1]), await reader.readexactly(int(length[1]))


def same(result: dict[str, Any], expected: tuple[Sentence, list[Entity]], tolerance: float) -> bool:
    """Whether an answer is as expected."""
    sentence, entities = expected
    found = result["entities"]
    return (
        result["words"] == list(sentence.words)
        and [(e["start"], e["end"], e["label"]) for e in found] == [(e.start, e.end, e.label) for e in entities]
        and all(abs(a["confidence"] - b.score) <= tolerance for a, b in zip(found, entities, strict=True))
    )


def cases_of(tagger: Tagger, sentences: Iterable[Sentence]) -> list[tuple[bytes, Any]]:
    """Each sentence as a request, with the prediction for it alone."""
    cases = []
    for sentence in sentences:
        body = json.dumps({"words": sentence.words}).encode()
        cases.append((HEAD.format(len(body)).encode() + body, (sentence, tagger.tag([sentence])[0])))
    return cases


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("model", type=existing, help="folder of a trained model")
    parser.add_argument("--input", type=existing, default=SAMPLE / "test.conll")
    parser.add_argument("--clients", type=positive, default=64)
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds per round; default 20")
    parser.add_argument("--tolerance", type=float, default=0.05, help="of confidences; default 0.05")
    options = parser.parse_args()
    cases = cases_of(coner.load(options.model), coner.read(options.input))
    loads: tuple[list[Load], list[Load]] = ([], [])
    memories: list[str] = []
    with served(options.model) as batched, served(options.model, "--batch-words", "1", "--wait-ms", "0") as single:
        services = (batched, single)

        def run(service: Service, seconds: float) -> Load:
            how = {"clients": options.clients, "seconds": seconds, "tolerance": options.tolerance}
            return asyncio.run(load(service.port, cases, **how))

        for service in services:
            run(service, WARM)
        before = [service.memory() for service in services]
        for number in range(options.rounds):
            for at in (0, 1)[:: -1 if number % 2 else 1]:
                loads[at].append(run(services[at], options.seconds))
        memories = [f"{a:.0f} -> {service.memory():.0f} MB" for a, service in zip(before, services, strict=True)]
    per_answer = [[one.lasted / max(1, len(one.seconds)) for one in side] for side in loads]
    facts: dict[str, object] = {
        "model": f"{options.model.name}; {options.clients} clients, rounds of {options.seconds:g} s",
        "answers": sum(len(one.seconds) for side in loads for one in side),
        "wrong": sum(one.wrong for side in loads for one in side),
        "lost": sum(one.lost for side in loads for one in side),
    }
    for name, side, memory in zip(("with batches", "without"), loads, memories, strict=True):
        rates = statistics.median(len(one.seconds) / one.lasted for one in side)
        p95 = statistics.median(statistics.quantiles(one.seconds, n=20)[-1] for one in side)
        facts[name] = f"{rates:.0f} answers/s, p95 {spell(p95)}, resident {memory}"
    rows = [row("an answer", "without batches", *per_answer)]
    report(options.out / "serving.json", "A service under load", rows, packages=["fastapi", "uvicorn"], facts=facts)
    if facts["wrong"] or facts["lost"]:
        raise SystemExit("answers were wrong or lost")


if __name__ == "__main__":
    command(main)
