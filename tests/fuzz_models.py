"""Mutated model folders through the loader: a tagger whose scores are probabilities, or a one-line error, in time.

    python tests/fuzz_models.py --minutes 30 --seed 1

A folder of each family (``tests/fixtures/format-1``), with or without an operating point, is changed at random: bytes,
values of JSON, arrays, tensors, missing files, pipes. The hashes in its manifest are those of the changed files, as an
attacker would write them. A case fails if loading or tagging raises anything but an error of coner, takes more than
``SECONDS`` or far too much memory.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from coner.core.errors import ConerError
from coner.core.files import sha256
from coner.core.types import Sentence
from coner.evaluation.calibrators import Isotonic, Temperature
from coner.families import load
from coner.families.operating_point import OperatingPoint
from coner.records.record import read_record
from helpers.fuzzing import arguments_of, limited, mutate, run
from helpers.operating_points import CHOICE

FIXTURES = Path(__file__).parent / "fixtures/format-1"
KINDS = ("crf", "encoder", "hybrid", "llm", "onnx", "span", "vote")
SECONDS = 60  # most for one folder: the machine may be busy
MEMORY = 6 << 30  # bytes of address space beyond those at the start
SENTENCES = [Sentence(tuple(text.split())) for text in ("prince sang in new york", "x", "नमस्ते \u200b [MASK] " * 20)]
POINTS = [
    OperatingPoint(calibration=calibration, threshold=0.1, thresholds={"Artist": 0.2}, chosen=CHOICE).model_dump()
    for calibration in (
        Temperature(temperature=1.5),
        Isotonic(scores=(0.1, 0.5, 0.9), probabilities=(0.0, 0.6, 1.0)),
    )
]
DEEP = json.loads("[" * 500 + "]" * 500)
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 0.5, 1e-300, 1e300, 1 << 31, 1 << 62, 10**30, 10**5000 // 7, float("nan")),
    *(float("inf"), "", "x", "\0", "\ud800", "../x", "/dev/zero", "user/name", "a\nb", "x" * 100_000),
    *([], {}, [[]], DEEP, [0] * 1000, {"a": {"b": 1}}, ["x", 1, None]),
]


def mutate_json(path: Path, rng: random.Random) -> None:
    """Change, remove, copy or add some values anywhere in a JSON file."""
    value = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        places: list[tuple[Any, Any]] = []
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict | list) and item is not DEEP:
                keys = list(item) if isinstance(item, dict) else list(range(min(len(item), 50)))
                places += [(item, key) for key in keys]
                waiting += [item[key] for key in keys]
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(5):
            case 0 | 1:
                holder[key] = rng.choice(VALUES)
            case 2:
                del holder[key]
            case 3:
                other, of = rng.choice(places)
                with suppress(LookupError):
                    holder[key] = json.loads(json.dumps(other[of]))
            case 4 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] = rng.choice([holder[key] * 2, -holder[key], holder[key] + 1, holder[key] * 10**6])
    sys.set_int_max_str_digits(0)
    path.write_text(json.dumps(value), encoding="utf-8")
    sys.set_int_max_str_digits(4300)


def mutate_numbers(array: Any, rng: random.Random) -> Any:
    """An array with other numbers, of another shape or type."""
    array = np.array(array)
    match rng.randrange(5):
        case 0 if array.size:
            odd = [np.nan, np.inf, -np.inf, 1e38, -1] if array.dtype.kind == "f" else [-1, 0, 99, 2**15 - 1]
            array.flat[rng.randrange(array.size)] = rng.choice(odd)
        case 1:
            array = array[: rng.randrange(len(array) + 1)] if array.ndim else array
        case 2:
            array = array.astype(rng.choice([np.float64, np.int32, np.float16, np.bool_, np.complex64]))
        case 3:
            array = array[None]
        case 4:
            array = np.repeat(array, rng.choice([0, 2, 3]), axis=0) if array.ndim else array
    return array


def mutate_arrays(path: Path, rng: random.Random) -> None:
    """Change an npz file by its arrays."""
    with np.load(path) as file:
        arrays = dict(file)
    name = rng.choice(sorted(arrays))
    arrays[name] = mutate_numbers(arrays[name], rng)
    if rng.random() < 0.1:
        del arrays[rng.choice(sorted(arrays))]
    rng.choice([np.savez, np.savez, np.savez_compressed])(path, **arrays)


def mutate_tensors(path: Path, rng: random.Random) -> None:
    """Change a file of safetensors by its tensors."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path)
    for _ in range(rng.choice([1, 1, 3])):
        name = rng.choice(sorted(tensors))
        changed = mutate_numbers(tensors.pop(name), rng)
        if changed.dtype != np.complex64 and rng.random() < 0.9:
            tensors[rng.choice([name, name, name, "x"])] = np.ascontiguousarray(changed)
    save_file(tensors, path)


def mutate_file(path: Path, rng: random.Random) -> None:
    """Change one file: by what it holds, its bytes, or what it is."""
    choice = rng.random()
    by_suffix: dict[str, Callable[[Path, random.Random], None]]
    by_suffix = {".json": mutate_json, ".npz": mutate_arrays, ".safetensors": mutate_tensors}
    if choice < 0.65 and path.suffix in by_suffix:
        with suppress(Exception):  # it is damaged already, or cannot be written like this
            by_suffix[path.suffix](path, rng)
    elif choice < 0.95:
        data = path.read_bytes()
        at = rng.choice([0, rng.randrange(len(data))]) if len(data) > 1 << 16 else 0
        path.write_bytes(data[:at] + mutate(data[at : at + (1 << 16)], rng) + data[at + (1 << 16) :])
    elif choice < 0.97:
        path.unlink()
    elif hasattr(os, "mkfifo"):
        path.unlink()
        os.mkfifo(path)


def seal(folder: Path) -> None:
    """Write the sizes and hashes of the files into the manifests, those of members first."""
    for manifest in sorted(folder.rglob("model.json"), key=lambda path: -len(path.parts)):
        if not manifest.is_file():  # a pipe
            continue
        try:
            values = json.loads(manifest.read_text(encoding="utf-8"))
            for name, entry in values["files"].items():
                if (path := manifest.parent / name).is_file():
                    entry |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
            manifest.write_text(json.dumps(values), encoding="utf-8")
        except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
            continue  # the manifest is what was changed


def check(folder: Path) -> str:
    """Load a folder and tag with it, and say what came of it."""
    try:
        with limited(SECONDS):
            if (folder / "record.json").exists():
                with suppress(ConerError):
                    read_record(folder)
            tagger = load(folder)
            if not tagger.model:  # no endpoint is called here
                for entities in tagger.tag(SENTENCES):
                    assert all(0 <= entity.score <= 1 for entity in entities), "a score that is no probability"
                    assert all(entity.label in tagger.labels for entity in entities), "an unknown label"
            return "tagged"
    except ConerError as error:
        assert "\n" not in str(error), "an error of several lines"
        assert len(str(error)) < 3000, "an endless error"
        assert "Panic" not in str(error), "a panic, which is reported in many lines"
        return "refused"


def run_case(scratch: Path, rng: random.Random, kinds: tuple[str, ...] = KINDS) -> tuple[str, str]:
    """Mutate a folder below ``scratch``, and check it: the family and the outcome."""
    kind, folder = rng.choice(kinds), scratch / "model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FIXTURES / kind, folder)
    if rng.random() < 0.3:
        manifest = folder / "model.json"
        values = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps({**values, "operating_point": rng.choice(POINTS)}), encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for _ in range(rng.choice([1, 1, 2])):
        path = rng.choice(files)
        if path.is_file():
            mutate_file(path, rng)
    if rng.random() < 0.9:
        seal(folder)
    return kind, check(folder)


def limit_memory() -> None:
    """Bound the address space of this process, so that a folder that takes too much of it fails."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def main() -> None:
    """Mutate folders for some minutes of processor time; exit code 1 if a case failed."""
    arguments = arguments_of(__doc__, kind={"choices": KINDS, "action": "append", "help": "family (default: all)"})
    rng, kinds = random.Random(arguments.seed), tuple(arguments.kind or KINDS)
    for kind in kinds:
        load(FIXTURES / kind)  # the libraries take their memory before it is limited
    limit_memory()
    with tempfile.TemporaryDirectory() as name:
        run(
            lambda: " ".join(run_case(Path(name), rng, kinds)),
            minutes=arguments.minutes,
            case=lambda: Path(name) / "model",
            keep=arguments.keep / str(arguments.seed),
        )


if __name__ == "__main__":
    main()
