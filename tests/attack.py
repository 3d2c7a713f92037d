"""A bounded attack on everything that reads, resumes or serves; prints a table of what was tried and what failed.

    python tests/attack.py --minutes 20 --seed 1

Half of the time goes to mutated data files and model folders, the rest to kills at random moments, to faults of
endpoints, to bombs, and to a server under 64 clients. Exit code 1 if anything failed, with the outputs of what did.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS))
from helpers.server import Server, run_stub  # noqa: E402
from helpers.shell import command  # noqa: E402

SAMPLE = TESTS.parent / "src/coner/data/sample"
CRF = TESTS / "fixtures/format-1/crf"
CLIENTS = 64


class Outcome(NamedTuple):
    """What an attack came to."""

    tried: int
    failed: int
    notes: str = ""  # the output of what failed


def fuzz(script: str) -> Callable[[float, int], Outcome]:
    """An attack by a fuzzer of this folder, which prints counts, those of failures as ``failed``."""

    def attack(minutes: float, seed: int) -> Outcome:
        with tempfile.TemporaryDirectory() as kept:
            arguments = ["--minutes", str(minutes), "--seed", str(seed), "--keep", kept]
            done = subprocess.run(
                [sys.executable, str(TESTS / script), *arguments], capture_output=True, text=True, check=False
            )
        counts = [
            (int(count), what) for count, what in re.findall(r"(\d+) ([a-z ]+)(?:,|$)", done.stdout, re.MULTILINE)
        ]
        failed = sum(count for count, what in counts if what == "failed")
        crashed = done.returncode != 0 and not failed
        tried = sum(count for count, _ in counts) + crashed
        return Outcome(tried, failed + crashed, done.stdout + done.stderr if done.returncode else "")

    return attack


def tests(*paths: str) -> Callable[[float, int], Outcome]:
    """An attack that the tests at these paths already make."""

    def attack(minutes: float, seed: int) -> Outcome:
        files = [str(TESTS / path) for path in paths]
        done = subprocess.run(
            # Without the options of the project, whose second -q would leave the counts out.
            [
                sys.executable,
                "-m",
                "pytest",
                "-o",
                "addopts=-q --import-mode=importlib",
                "-p",
                "no:cacheprovider",
                *files,
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=TESTS.parent,
        )
        counts = {what: int(count) for count, what in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
        failed = counts.get("failed", 0) + counts.get("error", 0)
        failed = failed or int(done.returncode != 0 or not counts)
        return Outcome(sum(counts.values()), failed, done.stdout if failed else "")

    return attack


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_to_end(arguments: list[str], rng: random.Random, most: float, until: float) -> int:
    """Start a command again until it ends by itself, killing it at random moments; return the number of kills.

    After ``most`` seconds at the latest, and not any more after the time ``until`` or 20 kills.
    """
    kills = 0
    while True:
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            left = time.monotonic() < until and kills < 20
            _, errors = process.communicate(timeout=rng.uniform(0.05, most) if left else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, f"exit code {process.returncode} after {kills} kills: {errors[-500:]}"
        return kills


def kills(minutes: float, seed: int) -> Outcome:
    """Kill ``coner tag`` and ``coner train`` at random moments: in the end they have written the same bytes."""
    rng, until = random.Random(seed), time.monotonic() + 60 * minutes
    tried, notes = 0, list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, train = folder / "many.txt", SAMPLE / "train.conll"
        text.write_text("prince sang in new york\n" * 2_000, encoding="utf-8")

        def tag(out: str) -> list[str]:
            return command("tag", CRF, text, "-o", folder / out / "out.conll", "--from", "text")

        def fit(out: str) -> list[str]:
            settings = ["--set", "kind=crf", "--set", "crf.algorithm=sgd", "--set", "crf.clusters=[]"]
            return command("train", train, "--dev", SAMPLE / "dev.conll", "--out", folder / out, *settings)

        for number, (build, result) in enumerate(((tag, "out.conll"), (fit, "weights.npz")), 1):
            (folder / f"whole{number}").mkdir()
            began, stop = time.monotonic(), until - 30 * minutes * (2 - number)  # half of the time for each
            run_to_end(build(f"whole{number}"), rng, 0, 0)
            seconds, expected = time.monotonic() - began, digest(folder / f"whole{number}" / result)
            before = tried
            while tried == before or time.monotonic() < stop:
                out = f"killed{number}-{tried}"
                (folder / out).mkdir()
                try:
                    tried += run_to_end(build(out), rng, 1.2 * seconds, time.monotonic() + 5 * seconds) + 1
                    assert digest(folder / out / result) == expected, f"{result}: other bytes than without kills"
                except AssertionError as error:
                    tried += 1
                    notes.append(str(error))
    return Outcome(tried, len(notes), "\n".join(notes))


BODIES: list[tuple[object, int]] = [  # and the status that it must have
    ({"text": "in Rome"}, 200),
    ({"text": "x " * 500 + "Rome"}, 200),
    ({"text": 1}, 422),
    ({}, 422),
    (b"{", 422),
    (b"\xff\xfe", 422),
    (b"[" * 100_000, 422),
]


def clients(minutes: float, seed: int) -> Outcome:
    """64 clients with right and wrong bodies: each gets its answer, and the service still stops with exit code 0."""
    rounds = max(1, round(10 * minutes))

    def ask(server: Server, number: int) -> str:
        rng = random.Random(f"{seed} {number}")
        body, status = rng.choice(BODIES)
        try:
            reply = server.tag(body)
        except OSError as error:
            return f"{str(body)[:40]}: {error!r}"
        right = reply.status in (status, 503) if status == 200 else 400 <= reply.status < 500
        right = right and (reply.status != 200 or "Rome" in reply.text)
        return "" if right else f"{str(body)[:40]}: {reply.status} {reply.text[:100]}"

    with run_stub() as server, ThreadPoolExecutor(CLIENTS) as pool:
        faults = [fault for fault in pool.map(lambda n: ask(server, n), range(CLIENTS * rounds)) if fault]
        if (code := server.stop()) != 0:
            faults.append(f"exit code {code}")
        faults += [line for line in server.log if "Traceback" in line]
    return Outcome(CLIENTS * rounds, len(faults), "\n".join(faults[:10]))


ATTACKS: dict[str, tuple[float, Callable[[float, int], Outcome]]] = {  # with its share of the time
    "mutated data files": (0.25, fuzz("fuzz_readers.py")),
    "mutated model folders": (0.25, fuzz("fuzz_models.py")),
    "bombs, long lines, special files": (0.05, tests("core/test_opening.py", "core/test_untrusted.py")),
    "kills while tagging and training": (0.2, kills),
    "faults of endpoints": (0.1, tests("families/llm/endpoint/test_hostile_endpoint.py")),
    "a server under 64 clients": (0.05, clients),
    "stops of a server under load": (0.1, tests("serving/test_serving_stop.py")),
}


def main() -> None:
    """Run all attacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="about how long it takes (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="run the attacks whose names contain this")
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    table = Table("attack", "tried", "failed", "seconds")
    failed, notes = 0, list[str]()
    for name, (share, attack) in ATTACKS.items():
        if arguments.only and arguments.only not in name:
            continue
        began = time.monotonic()
        outcome = attack(share * arguments.minutes, arguments.seed)
        failed += outcome.failed
        notes += [f"{name}:\n{outcome.notes}"] * bool(outcome.failed)
        table.add_row(name, f"{outcome.tried:,}", str(outcome.failed), f"{time.monotonic() - began:.0f}")
    for note in notes:
        console.print(note, markup=False)
    console.print(table)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
