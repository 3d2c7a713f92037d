"""Annotation errors that ``coner audit`` finds, beside cleanlab's token method on the same probabilities.

    python benchmarks/audit.py --work cells --data literature train.txt dev.txt test.txt \\
        --data wnut wnut17train.conll:1500 [--rates 0.05 0.1 --seeds 1 2 3]

The files of a data set are put together; ``FILE:1500`` takes that many random sentences. In each cell (data set, rate,
seed) errors are injected into ``rate`` of the mentions, a quarter of them of each kind, and every sentence is tagged by
a CRF that was trained on the other folds. Both methods get these probabilities. A cell is a file in the folder of
``--work``; run the same command again to resume.

``precision`` is that among as many places as errors were injected, so it is recall too. A word that cleanlab lists
stands for the mention that it is in; places that touch count once. Errors that were in the data before count as wrong,
so the true precision is higher.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cleanlab.token_classification import filter as token_filter  # type: ignore[import-untyped]
from cleanlab.token_classification import rank as token_rank
from harness import RESULTS, arguments, command
from rich.console import Console
from rich.table import Table

from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.families.registry import family
from coner.families.settings import parse_trainable
from coner.records.machine import machine
from coner.runs.audit.candidates import KINDS, find_candidates
from coner.runs.audit.evidence import Evidence, collect_evidence
from coner.runs.audit.folds import fit_fold, make_plan

FOLDS = 5


class Place(NamedTuple):
    """Words of a sentence; of an injected error those of the mention before and after it."""

    sentence: int
    start: int
    end: int
    kind: str = ""

    def touches(self, other: Place) -> bool:
        """Whether they are in one sentence, and share a word or are neighbours."""
        return self.sentence == other.sentence and self.start <= other.end and other.start <= self.end

    def shares(self, other: Place) -> bool:
        """Whether they share a word."""
        return self.sentence == other.sentence and self.start < other.end and other.start < self.end


def load(files: Sequence[str]) -> list[Sentence]:
    """The labelled sentences of a data set that have a word."""
    sentences: list[Sentence] = []
    for name in files:
        path, _, take = name.partition(":")
        own = [sentence for sentence in read(path, gold=True) if sentence.words]
        sentences += random.Random(1).sample(own, int(take)) if take else own
    return sentences


def inject(sentences: Sequence[Sentence], rate: float, seed: int) -> tuple[list[Sentence], list[Place]]:
    """Sentences with errors, at most one in each, and where they are."""
    rng = random.Random(seed)
    labels = sorted({e.label for s in sentences for e in s.entities or ()})
    mentions = [(i, e) for i, s in enumerate(sentences) for e in s.entities or ()]
    number = round(rate * len(mentions) / len(KINDS))
    changed, errors = list(sentences), dict[int, Place]()
    for kind in KINDS:
        left = number
        for i, mention in rng.sample(mentions, len(mentions)):
            if not left:
                break
            at = rng.randrange(len(sentences)) if kind == "spurious" else i
            made = None if at in errors else _change(kind, sentences[at], mention, labels, rng)
            if made is not None:
                entities, errors[at] = made[0], Place(at, *made[1], kind)
                changed[at] = replace(sentences[at], entities=tuple(sorted(entities)))
                left -= 1
    return changed, list(errors.values())


def _change(
    kind: str, sentence: Sentence, mention: Entity, labels: Sequence[str], rng: random.Random
) -> tuple[list[Entity], tuple[int, int]] | None:
    """The entities with one error, and its words; ``None`` if there is no room for it."""
    entities = list(sentence.entities or ())
    taken = {word for e in entities for word in range(e.start, e.end)}
    if kind == "spurious":
        size = mention.end - mention.start
        free = [a for a in range(len(sentence) - size + 1) if not taken & set(range(a, a + size))]
        if not free:
            return None
        start = rng.choice(free)
        return [*entities, Entity(start, start + size, mention.label)], (start, start + size)
    others = [e for e in entities if e != mention]
    span = mention.start, mention.end
    if kind == "missing":
        return others, span
    if kind == "class":
        label = rng.choice([label for label in labels if label != mention.label])
        return [*others, Entity(*span, label)], span
    used = taken - set(range(*span))
    moved = [(span[0] + a, span[1] + b) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    valid = [(a, b) for a, b in moved if 0 <= a < b <= len(sentence) and not used & set(range(a, b))]
    if not valid:
        return None
    start, end = rng.choice(valid)
    return [*others, Entity(start, end, mention.label)], (min(start, span[0]), max(end, span[1]))


def measure(sentences: Sequence[Sentence], seed: int) -> dict[str, Any]:
    """Evidence and tag marginals of every sentence, out of fold; as plain values."""
    values = {"kind": "crf", "name": "fold", "seed": seed}
    settings = parse_trainable({**values, **family("crf").quick(values, sentences)})  # as ``coner audit`` does
    plan = make_plan(sentences, settings, folds=FOLDS)
    tags = TagSet(sorted({e.label for s in sentences for e in s.entities or ()}))
    evidence, marginals = dict[int, Any](), dict[int, Any]()
    for fold in plan.folds:
        with tempfile.TemporaryDirectory() as folder:
            tagger = fit_fold(plan, fold, Path(folder))
        held_out = [sentences[i] for i in fold.held_out]
        evidence |= zip(fold.held_out, (one.to_json() for one in collect_evidence(tagger, held_out)), strict=True)
        for i, (chain, scores) in zip(fold.held_out, tagger.tag_scores(held_out), strict=True):
            rows = np.zeros((len(scores), len(tags)))
            rows[:, [tags.ids[tag] for tag in chain.tags.tags]] = chain.tag_marginals(scores[None])[0]
            marginals[i] = rows.round(6).tolist()
    order = range(len(sentences))
    return {"evidence": [evidence[i] for i in order], "marginals": [marginals[i] for i in order], "tags": tags.labels}


def cell(path: Path, sentences: Sequence[Sentence], seed: int) -> dict[str, Any]:
    """The content of a cell's file, which is written first if it is missing."""
    if not path.is_file():
        start = time.process_time()
        values = measure(sentences, seed)
        values["seconds"] = round(time.process_time() - start, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(values), encoding="utf-8")
        path.with_suffix(".part").replace(path)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def ranked(sentences: Sequence[Sentence], values: dict[str, Any]) -> Iterator[tuple[str, list[Place]]]:
    """The places that each method lists, the most suspicious first."""
    evidence = [Evidence.from_json(one) for one in values["evidence"]]
    found = find_candidates(sentences, evidence)
    yield "coner", [Place(c.sentence, *c.span, c.error) for c in found]
    tags = TagSet(values["tags"])
    labels = [tags.encode(s.entities or (), len(s)) for s in sentences]
    probabilities = [np.array(rows) / np.sum(rows, axis=1, keepdims=True) for rows in values["marginals"]]
    for score in ("self_confidence", "normalized_margin"):
        _, tokens = token_rank.get_label_quality_scores(labels, probabilities, token_score_method=score)
        scored = sorted((float(q), i, j) for i, row in enumerate(tokens) for j, q in enumerate(row))
        yield f"cleanlab rank, {score}", [mention_at(sentences, i, j) for _, i, j in scored]
        issues = token_filter.find_label_issues(
            labels, probabilities, return_indices_ranked_by=score, filter_by="prune_by_noise_rate", n_jobs=1
        )
        yield f"cleanlab filter, {score}", [mention_at(sentences, i, j) for i, j in issues]


def mention_at(sentences: Sequence[Sentence], sentence: int, word: int) -> Place:
    """The annotated mention that a word is in, else the word."""
    inside = [e for e in sentences[sentence].entities or () if e.start <= word < e.end]
    return Place(sentence, *((inside[0].start, inside[0].end) if inside else (word, word + 1)))


def precision(places: Sequence[Place], errors: Sequence[Place]) -> dict[str, Any]:
    """Precision among as many places as there are errors, the share of each kind that is found, and of kinds named."""
    kept: list[Place] = []
    for place in places:
        if len(kept) == len(errors):
            break
        if not any(place.touches(other) for other in kept):
            kept.append(place)
    hits = [(place, error) for error in errors for place in kept if place.shares(error)]
    found, total = Counter(error.kind for error in {error for _, error in hits}), Counter(e.kind for e in errors)
    return {
        "precision": found.total() / len(errors),
        **{f"found {kind}": found[kind] / total[kind] for kind in KINDS},
        "kind named": sum(place.kind == error.kind for place, error in hits) / len(hits) if hits else 0.0,
    }


def main() -> None:
    """Measure the missing cells, and print the table."""
    parser = arguments(__doc__, out=RESULTS)
    parser.add_argument("--data", nargs="+", action="append", metavar="NAME FILE", required=True)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.05, 0.1], help="of the mentions; default 0.05 0.1")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--work", type=Path, required=True, help="folder of the cells")
    options = parser.parse_args()
    rows = [row for data in options.data for rate in options.rates for row in rows_of(data, rate, options)]
    table = Table("data", "rate", "errors", "method", "precision", *KINDS, "kind named")
    for row in rows:
        shown = [f"{statistics.mean(row[key]):.2f}" for key in row if isinstance(row[key], list)]
        table.add_row(row["data"], f"{row['rate']:g}", str(row["errors"]), row["method"], *shown)
    Console(width=160, highlight=False).print(table)
    figures = {"machine": machine(), "seeds": options.seeds, "folds": FOLDS, "rows": rows}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "audit.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def rows_of(data: Sequence[str], rate: float, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each method, with a figure for each seed."""
    name, *files = data
    clean = load(files)
    scores: dict[str, list[dict[str, float]]] = {}
    seconds = []
    for seed in options.seeds:
        sentences, errors = inject(clean, rate, seed)
        values = cell(options.work / f"{name}-{rate:g}-{seed}.json", sentences, seed)
        seconds.append(values["seconds"])
        for method, places in ranked(sentences, values):
            scores.setdefault(method, []).append(precision(places, errors))
    for method, figures in scores.items():
        listed = {key: [round(one[key], 4) for one in figures] for key in figures[0]}
        mentions = sum(len(s.entities or ()) for s in clean)
        facts = {"sentences": len(clean), "mentions": mentions, "errors": len(errors), "cpu_seconds": max(seconds)}
        yield {"data": name, "rate": rate, "method": method, **facts, **listed}


if __name__ == "__main__":
    command(main)
