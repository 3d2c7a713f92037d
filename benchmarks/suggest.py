"""Labelling work that suggestions save: simulated on labelled data, against sentences drawn at random.

    python benchmarks/suggest.py --work cells [--seeds 1 2 3] \\
        --choose music crossner/music/train.txt,crossner/music/dev.txt crossner/music/test.txt 20 \\
        --data wnut17 wnut17train.conll test.conll 50

After the name: the pool (files with commas between, or ``FILE:1000``, that many random sentences), the test file, and
how many random sentences are labelled at first. In each round a CRF is trained on what is labelled (L-BFGS, fixed
settings, the best path: no dev file is needed), then half as many sentences again are labelled: the suggestions of
that CRF, or random ones. A simulation ends when F1 on test is 90 % of that of the whole pool. Both ways of a seed begin
with the same sentences. Measures of uncertainty are compared on ``--choose`` only; on other data sets there is
``coner`` alone. Every simulation is a file in the folder of ``--work``; the same command again resumes.

- ``coner``: what ``coner suggest`` does: expected errors for each word and ten more, diverse
- ``not diverse``: the same, without diversity
- ``total``: expected errors, whatever the length, diverse
- ``per root``: expected errors divided by the square root of the number of words, diverse
- ``per word``: expected errors divided by the number of words, diverse
- ``MNLP``: maximum normalised log-probability of the best path (Shen et al. 2018), diverse
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, arguments, command
from rich.console import Console
from rich.table import Table

from coner.core.progress import SilentLog
from coner.core.types import Sentence
from coner.data import read
from coner.data.stratify import duplicate_key
from coner.data.taxonomy import Taxonomy
from coner.evaluation.score import score
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment
from coner.families.crf.tagger import CrfTagger
from coner.records.machine import machine
from coner.tagging.suggestion.diversity import choose_diverse
from coner.tagging.suggestion.suggest import suggest
from coner.tagging.suggestion.uncertainty import TASK_WORDS, expected_errors, likely_spans

CRF = {
    "algorithm": "lbfgs",
    "features": ["word", "prefix", "suffix", "shape", "phrase", "mentioned", "lower", "case"],
    "c1": 0.05,
    "c2": 0.05,
    "max_iterations": 50,
    "clusters": [],
    "thresholds": [],
}
SHARE = 0.9  # of the F1 of the whole pool, to reach
GROWTH = 0.5  # newly labelled sentences of a round, as a share of those labelled before
COSTS = ("sentences", "words", "mentions")
Choose = Callable[[CrfTagger, Sequence[Sentence], int], list[int]]


def fit(sentences: Sequence[Sentence], taxonomy: Taxonomy) -> CrfTagger:
    """A CRF with fixed settings."""
    settings = CrfExperiment.model_validate({"kind": "crf", "crf": CRF})
    built = train(settings, train=sentences, dev=sentences[:1], taxonomy=taxonomy, log=SilentLog())
    return built.tagger  # type: ignore[return-value]


def suggested(tagger: CrfTagger, sentences: Sequence[Sentence], number: int) -> list[int]:
    """The choice of ``coner suggest``."""
    index = {sentence.words: number for number, sentence in enumerate(sentences)}
    return [index[chosen.sentence.words] for chosen in suggest(tagger, sentences, number).chosen]


def by(measure: Callable[[CrfTagger, Sequence[Sentence]], Sequence[float]], *, diverse: bool = True) -> Choose:
    """The choice by another measure, among as many candidates."""

    def choose(tagger: CrfTagger, sentences: Sequence[Sentence], number: int) -> list[int]:
        values = measure(tagger, sentences)
        order = sorted(range(len(values)), key=lambda i: -values[i])
        if not diverse:
            return order[:number]
        order = order[: max(1000, 10 * number)]
        chosen, _ = choose_diverse([sentences[i].words for i in order], [values[i] for i in order], number)
        return [order[index] for index, _ in chosen]

    return choose


def errors(power: float, more: int = 0) -> Callable[[CrfTagger, Sequence[Sentence]], list[float]]:
    """Expected errors, divided by a power of the number of words and ``more``."""

    def measure(tagger: CrfTagger, sentences: Sequence[Sentence]) -> list[float]:
        pairs = zip(likely_spans(tagger, sentences), sentences, strict=True)
        return [expected_errors(spans) / (len(sentence) + more) ** power for spans, sentence in pairs]

    return measure


def mnlp(tagger: CrfTagger, sentences: Sequence[Sentence]) -> list[float]:
    """Minus the log-probability of the best path, per word."""
    values = []
    for chain, emissions in tagger.tag_scores(sentences):
        [path] = chain.viterbi(emissions[None])
        best = chain.first[path[0]] + chain.last[path[-1]] + emissions[np.arange(len(path)), path].sum()
        best += chain.transitions[path[:-1], path[1:]].sum()
        total = np.logaddexp.reduce(chain.forward(emissions[None])[0, -1] + chain.last)
        values.append(float(total - best) / len(path))
    return values


STRATEGIES: dict[str, Choose] = {
    "random": lambda tagger, sentences, number: list(range(number)),  # they are shuffled
    "coner": suggested,
    "not diverse": by(errors(1, TASK_WORDS), diverse=False),
    "total": by(errors(0)),
    "per root": by(errors(0.5)),
    "per word": by(errors(1)),
    "MNLP": by(mnlp),
}


def simulate(choose: Choose, task: Task, seed: int, target: float) -> list[dict[str, float]]:
    """The labelled sentences, words and mentions, and F1, of each round until the target."""
    rest = list(task.pool)
    random.Random(seed).shuffle(rest)
    labelled, rest = rest[: task.start], rest[task.start :]
    curve: list[dict[str, float]] = []
    while True:
        tagger = fit(labelled, task.taxonomy)
        curve.append({**costs(labelled), **f1(tagger, task.test)})
        if curve[-1]["micro_f1"] >= target or not rest:
            return curve
        chosen = choose(tagger, rest, min(len(rest), round(GROWTH * len(labelled))))
        labelled = [*labelled, *(rest[i] for i in chosen)]
        gone = set(chosen)
        rest = [sentence for i, sentence in enumerate(rest) if i not in gone]


def costs(sentences: Sequence[Sentence]) -> dict[str, float]:
    """What it takes to label sentences."""
    mentions = sum(len(s.entities or ()) for s in sentences)
    return {"sentences": len(sentences), "words": sum(map(len, sentences)), "mentions": mentions}


def f1(tagger: CrfTagger, test: Sequence[Sentence]) -> dict[str, float]:
    """Scores on test."""
    level = score([s.entities or () for s in test], tagger.tag(test)).fine
    return {"micro_f1": level.micro_f1, "macro_f1": level.macro_f1}


class Task:
    """A data set: a pool that is treated as not labelled, and a test file."""

    def __init__(self, name: str, pool: str, test: str, start: str) -> None:
        sentences: list[Sentence] = []
        for part in pool.split(","):
            file, _, take = part.partition(":")
            own = list({duplicate_key(s): s for s in read(file)}.values())
            sentences += random.Random(0).sample(own, int(take)) if take else own
        self.name, self.start = name, int(start)
        self.pool = list({duplicate_key(s): s for s in sentences}.values())
        self.test = [s for s in read(test) if duplicate_key(s) not in {duplicate_key(s) for s in self.pool}]
        self.taxonomy = Taxonomy.flat({e.label for s in (*self.pool, *self.test) for e in s.entities or ()})


def cell(path: Path, work: Callable[[], Any]) -> Any:
    """The content of a cell's file, which is written first if it is missing."""
    if not path.is_file():
        start = time.process_time()
        values = {"result": work(), "seconds": round(time.process_time() - start, 1)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(values), encoding="utf-8")
        path.with_suffix(".part").replace(path)
    return json.loads(path.read_text(encoding="utf-8"))["result"]


def until(curve: Sequence[dict[str, float]], target: float, cost: str) -> float:
    """The cost at which a curve reaches the target, linear between rounds; that of all, if it does not."""
    before = curve[0]
    for now in curve:
        if now["micro_f1"] >= target:
            rise = now["micro_f1"] - before["micro_f1"]
            part = (target - before["micro_f1"]) / rise if rise > 0 else 1.0
            return before[cost] + part * (now[cost] - before[cost])
        before = now
    return curve[-1][cost]


def rows(task: Task, strategies: Sequence[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each strategy: costs until the target, and their ratios to those of random sentences, by seed."""
    whole = cell(options.work / f"{task.name}-whole.json", lambda: f1(fit(task.pool, task.taxonomy), task.test))
    target, found, base = SHARE * whole["micro_f1"], list[dict[str, Any]](), dict[int, dict[str, float]]()
    for strategy in strategies:
        spent = {}
        for seed in options.seeds:
            path = options.work / f"{task.name}-{strategy.replace(' ', '-')}-{seed}.json"
            if path.is_file() or not options.measured:
                curve = cell(path, lambda s=strategy, n=seed: simulate(STRATEGIES[s], task, n, target))
                spent[seed] = {cost: round(until(curve, target, cost), 1) for cost in COSTS}
        base = base or spent
        ratios = {cost: [own[cost] / base[seed][cost] for seed, own in spent.items()] for cost in COSTS}
        row = {"data": task.name, "pool": costs(task.pool), "test": len(task.test), "target": target}
        spent_by_seed = {"seeds": list(spent), "until target": list(spent.values()), "of random": ratios}
        found += [{**row, "strategy": strategy, **spent_by_seed}] if spent else []
    return found


def main() -> None:
    """Simulate what is missing, and print the table."""
    parser = arguments(__doc__, out=RESULTS)
    data = {"nargs": 4, "action": "append", "metavar": ("NAME", "POOL", "TEST", "START"), "default": []}
    parser.add_argument("--choose", **data, help="data set on which the measures are compared")
    parser.add_argument("--data", **data, help="other data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--work", type=Path, required=True, help="folder of the cells")
    parser.add_argument(
        "--measured", action="store_true", help="report the simulations that are finished; run no other"
    )
    options = parser.parse_args()
    table, found = Table("data", "strategy", "seeds", "target", *COSTS, *(f"{cost} / random" for cost in COSTS)), []
    tasks = [(Task(*names), list(STRATEGIES)) for names in options.choose]
    tasks += [(Task(*names), ["random", "coner"]) for names in options.data]
    for task, strategies in tasks:
        for row in rows(task, strategies, options):
            found.append(row)
            means = [f"{statistics.mean(own[cost] for own in row['until target']):,.0f}" for cost in COSTS]
            ratios = [row["of random"][cost] for cost in COSTS]
            shown = [f"{statistics.geometric_mean(r):.2f} [{min(r):.2f}, {max(r):.2f}]" for r in ratios]
            table.add_row(row["data"], row["strategy"], str(len(row["seeds"])), f"{row['target']:.3f}", *means, *shown)
    Console(width=150, highlight=False).print(table)
    values = {"machine": machine(), "crf": CRF, "rows": found}
    (options.out / "suggest.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command(main)
