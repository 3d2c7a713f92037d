"""Simulate a large knowledge base: an oracle that holds a share of the gold mentions of some files.

    python benchmarks/oracle_kb.py train.conll dev.conll test.conll --coverage 0.75 --wrong 0.1 --seed 1 --out kb
    coner train encoder --train train.conll --dev dev.conll --test test.conll --kb kb --oracle --out runs/oracle

It shows what a user with a full build of Wikidata can expect, and is no result: it holds names of the test file, and
no other things of these names. ``coner train`` refuses it without ``--oracle``, which marks the record.

A name is one spelling of a mention, without case. It is in the knowledge base with probability ``--coverage``, with its
gold labels as types, weighted by their numbers; with probability ``--wrong``, with another label instead, drawn by
frequency. What is drawn for a name depends on it and the seed only, so that the names at a low coverage are among those
at a higher one. Names that are in a file of ``--held-out`` have the coverage ``--held-out-coverage``: train at 0.9 and
test at 0.25, as where new text is about things that the knowledge base lacks.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich import print as show

import coner
from coner.core.counted import counted
from coner.knowledge.build import BuildSettings, build

Names = Mapping[str, Counter[str]]


def mentions(files: list[Path]) -> Names:
    """The labels of each name, with the number of mentions."""
    found: dict[str, Counter[str]] = {}
    for file in files:
        for sentence in coner.stream(file, gold=True):
            for entity in sentence.entities or ():
                found.setdefault(sentence.surface(entity).lower(), Counter())[entity.label] += 1
    return found


def rows(names: Names, held_out: Names, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The rows of a table of names."""
    labels = Counter[str]()
    for counts in names.values():
        labels.update(counts)
    for name, counts in sorted(names.items()):
        generator = random.Random(f"{options.seed} {name}")
        covered, wrong = generator.random(), generator.random()
        if covered >= (options.held_out_coverage if name in held_out else options.coverage):
            continue
        types: Mapping[str, int] = counts
        others = {label: count for label, count in sorted(labels.items()) if label not in counts}
        if wrong < options.wrong and others:
            types = {generator.choices([*others], [*others.values()])[0]: counts.total()}
        yield {"name": name, "types": dict(types), "prior": counts.total()}


def share(text: str) -> float:
    """A fraction of 1."""
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"got {text}; expected a fraction from 0 to 1")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--coverage", type=share, required=True, help="share of the names that are in it")
    parser.add_argument("--wrong", type=share, default=0.0, help="share of these with a wrong type")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--held-out-coverage", type=share, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    names = mentions([*options.files, *options.held_out])
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / f"oracle-{options.coverage:g}-{options.wrong:g}-{options.seed}.jsonl"
        chosen = list(rows(names, mentions(options.held_out), options))
        # A name that is in no text: a knowledge base is never empty, and a coverage of 0 is a control.
        chosen.append(
            {"name": "a name that no sentence has", "types": [next(iter(names.values())).most_common(1)[0][0]]}
        )
        table.write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
        build([table], options.out, BuildSettings(licence="simulated", simulated=True))
    show(f"{options.out}: {counted(len(chosen) - 1, 'name')} of {len(names):,}")


if __name__ == "__main__":
    main()
