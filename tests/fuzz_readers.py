"""Mutated files through every reader: nothing but sentences or a one-line error, in bounded time, and no silent loss.

    python tests/fuzz_readers.py FILE... --minutes 30 --seed 1

Each FILE, and the embedded sample in every format, is changed at random and read, by its name and in every format. A
case fails if reading raises anything but an error of coner, takes more than ten seconds, gives other sentences with
``--repair`` than without where there is no fault, or if the sentences are not the same after JSONL.
"""

from __future__ import annotations

import argparse
import io
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

import coner.data
from coner.core.errors import ConerError
from coner.core.types import Sentence
from coner.data import stream
from coner.data.corpus import read
from coner.data.formats import all_formats, formats

SECONDS = 10  # most for one file
CHOICES = {"nested", "converted"}  # that readers make without --repair, and count
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
    """``TimeoutError`` after this time."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(path: Path, format: str) -> str:
    """Read a file, and say what came of it; ``AssertionError`` for a loss."""
    outcome = "refused"
    try:
        with limited(SECONDS):
            plain = stream(path, format=format)
            sentences = list(plain)
            outcome = "read"
            assert not plain.faults.keys() - CHOICES, "faults without --repair"
            repaired = stream(path, format=format, repair=True)
            assert list(repaired) == sentences, "other sentences with --repair"
            check_jsonl(path.parent, sentences)
    except ConerError as error:
        assert "\n" not in str(error), "an error of several lines"
        assert outcome != "read", f"refused the second time: {error}"
        try:
            with limited(SECONDS):
                list(stream(path, format=format, repair=True))
                outcome = "repaired"
        except ConerError as again:
            assert "\n" not in str(again), "an error of several lines"
    return outcome


def check_jsonl(folder: Path, sentences: list[Sentence]) -> None:
    """Write sentences as JSONL, and read them back."""
    format, text = formats["jsonl"], io.StringIO()
    format.write_text([s for s in sentences if format.unfit(s, labelled=True) is None], text)
    (folder / "back.jsonl").write_text(text.getvalue(), encoding="utf-8")
    if text.getvalue():
        back = read(folder / "back.jsonl", format="jsonl")
        assert [(s.words, s.entities) for s in back] == [(s.words, s.entities) for s in sentences], "lost in JSONL"


def seeds(folder: Path, files: list[Path]) -> Iterator[tuple[Path, str]]:
    """Files to mutate: those of the user, and the start of the embedded sample in each format that is a single file."""
    few = read(Path(coner.data.__file__).parent / "sample/dev.conll")[:8]
    for format in all_formats():
        suffix = next(iter((*format.suffixes, *format.output_suffixes)), "")
        if format.reader and suffix and not format.extra and not format.folder:
            path = folder / f"sample{suffix}"
            try:
                format.write(few, path)
            except NotImplementedError:
                continue
            yield path, format.name
    yield from ((file, "auto") for file in files)


def main() -> None:
    """Run for some minutes of processor time, and print counts; exit code 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="files to mutate, up to 64 KB of each")
    parser.add_argument("--minutes", type=float, default=1.0, help="processor time (default: 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for files that fail")
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    rng, counts, failures = random.Random(arguments.seed), Counter[str](), Counter[str]()
    names = [format.name for format in all_formats() if format.reader and not format.extra]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pool = [(path.name, format, path.read_bytes()[: 1 << 16]) for path, format in seeds(folder, arguments.files)]
        while time.process_time() < 60 * arguments.minutes:
            title, own, data = rng.choice(pool)
            path = folder / f"case{rng.randrange(10)}{Path(title).suffix}"
            path.write_bytes(mutate(data, rng))
            format = rng.choice(["auto", own, rng.choice(names)])
            try:
                counts[check(path, format)] += 1
            except Exception as error:
                counts["failed"] += 1
                key = f"{format}: {type(error).__name__}: {str(error)[:80]}"
                failures[key] += 1
                if failures[key] == 1:
                    arguments.keep.mkdir(exist_ok=True)
                    kept = arguments.keep / f"{len(failures)}-{format}-{title}"
                    kept.write_bytes(path.read_bytes())
                    console.print(f"{kept}: {key}", markup=False)
                    traceback.print_exc(limit=-3)
    console.print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    for key, count in failures.most_common():
        console.print(f"{count:6} {key}", markup=False)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
