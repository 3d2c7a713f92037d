"""Mutated files are read or refused in one line; ``tests/fuzz_readers.py`` tries more of them."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from coner.data.formats import all_formats
from fuzz_readers import check, seeds
from helpers.fuzzing import mutate


def test_mutated_files_are_read_or_refused(tmp_path: Path) -> None:
    rng, outcomes = random.Random(1), Counter[str]()
    pool = [(path.suffix, name, path.read_bytes()) for path, name in seeds(tmp_path, [])]
    assert {name for _, name, _ in pool} >= {"conll", "jsonl", "labelstudio"}
    names = [format.name for format in all_formats() if format.reader and not format.extra]
    for number in range(400):
        suffix, own, data = rng.choice(pool)
        path = tmp_path / f"case{number}{suffix}"
        path.write_bytes(mutate(data, rng))
        outcomes[check(path, rng.choice(["auto", own, rng.choice(names)]))] += 1
    assert outcomes.keys() == {"read", "refused", "repaired"}
