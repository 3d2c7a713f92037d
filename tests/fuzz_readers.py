"""Mutated files through every reader: nothing but sentences or a one-line error, in bounded time, and no silent loss.

    python tests/fuzz_readers.py FILE... --minutes 30 --seed 1

Each FILE, and the embedded sample in every format, is changed at random and read, by its name and in every format. A
case fails if reading raises anything but an error of coner, takes more than ten seconds, gives other sentences with
``--repair`` than without where there is no fault, or if the sentences are not the same after JSONL.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import coner.data
from coner.core.errors import ConerError
from coner.core.types import Sentence
from coner.data import stream
from coner.data.corpus import read
from coner.data.formats import all_formats, formats
from helpers.fuzzing import arguments_of, limited, mutate, run

SECONDS = 10  # most for one file
CHOICES = {"nested", "converted"}  # that readers make without --repair, and count


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
    """Mutate files for some minutes of processor time; exit code 1 if a case failed."""
    files = {"nargs": "*", "type": Path, "help": "files to mutate, up to 64 KB of each"}
    arguments = arguments_of(__doc__, files=files)
    rng, path = random.Random(arguments.seed), Path()
    names = [format.name for format in all_formats() if format.reader and not format.extra]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pool = [(path.name, format, path.read_bytes()[: 1 << 16]) for path, format in seeds(folder, arguments.files)]

        def run_case() -> str:
            nonlocal path
            title, own, data = rng.choice(pool)
            format = rng.choice(["auto", own, rng.choice(names)])
            path = folder / f"{format}{rng.randrange(10)}{Path(title).suffix}"
            path.write_bytes(mutate(data, rng))
            return check(path, format)

        run(run_case, minutes=arguments.minutes, case=lambda: path, keep=arguments.keep / str(arguments.seed))


if __name__ == "__main__":
    main()
