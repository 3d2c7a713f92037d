"""What the fuzzers share: options, random changes of bytes, a limit of time, and the loop that counts outcomes."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

TOKENS = [
    *(b"\n", b"\n\n", b"\r\n", b"\t", b" ", b"O", b"B-", b"I-X", b"#", b"# id 1\n", b"-DOCSTART-\n"),
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\ud800", b"null", b"-1", b"1e999", b"99999999999999999999"),
    *(b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\x8b"),
]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes, lines or tokens of a file."""
    for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
        at = rng.randrange(len(data) + 1)
        lines = data.split(b"\n")
        match rng.randrange(8):
            case 0:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + rng.choice(TOKENS) + data[at:]
            case 2:
                data = data[:at] + data[at + rng.choice([1, 2, 10, 100]) :]
            case 3:
                data = data[:at]
            case 4:
                del lines[rng.randrange(len(lines))]
                data = b"\n".join(lines)
            case 5:
                lines.insert(rng.randrange(len(lines)), rng.choice(lines))
                data = b"\n".join(lines)
            case 6:
                end = rng.randrange(at, len(data) + 1)
                data = data[:at] + data[at : min(end, at + 200)] * rng.choice([2, 3, 50]) + data[at:]
            case 7:
                one, two = rng.choice(TOKENS), rng.choice(TOKENS)
                data = data.replace(one, two, rng.choice([1, -1]))
    return data


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """``TimeoutError`` after this processor time, or ten times as long, as where something waits for ever."""

    late = False

    def stop(*_: object) -> None:
        nonlocal late
        late = True
        raise TimeoutError

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds)}
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
        if late:  # also where the code has made another error of it
            raise TimeoutError(f"more than {seconds} s")


def arguments_of(description: str | None, **more: dict[str, Any]) -> argparse.Namespace:
    """The options of a fuzzer from the command line; ``files`` of ``more`` are arguments without a name."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    for name, options in more.items():
        parser.add_argument(name if name == "files" else f"--{name}", **options)
    parser.add_argument("--minutes", type=float, default=1.0, help="processor time (default: 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for cases that fail")
    return parser.parse_args()


def run(run_case: Callable[[], str], *, minutes: float, case: Callable[[], Path], keep: Path) -> None:
    """Run cases for some minutes of processor time, print how often each outcome came, and exit: 1 if a case failed.

    A case that raises has failed. The first of each kind is copied to ``keep``: the file or folder that ``case`` names.
    """
    console = Console(highlight=False, soft_wrap=True)
    counts, failures = Counter[str](), Counter[str]()
    while time.process_time() < 60 * minutes:
        try:
            counts[run_case()] += 1
        except Exception as error:
            counts["failed"] += 1
            key = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
            failures[key] += 1
            if failures[key] == 1:
                kept = keep / f"{len(failures)}-{case().name}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                if case().is_dir():
                    shutil.copytree(case(), kept, dirs_exist_ok=True, copy_function=_copy)
                else:
                    _copy(case(), kept)
                console.print(f"{kept}: {key}", markup=False)
                traceback.print_exc(limit=-4)
    console.print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    for key, count in failures.most_common():
        console.print(f"{count:6} {key}", markup=False)
    sys.exit(bool(failures))


def _copy(source: str | Path, target: str | Path) -> None:
    if Path(source).is_file():  # not a pipe
        shutil.copyfile(source, target)
