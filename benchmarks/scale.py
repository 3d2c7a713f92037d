"""How the time of tagging grows: with the number of sentences, of labels, of words in a sentence.

    python benchmarks/scale.py --crf RUN [--encoder RUN] [--data FILE] [--most 100000] [--budget 60]

sentences  the whole command, ``coner tag FILE -o FILE`` in a process of its own, with its peak of memory.
labels     a model of the same settings, trained on the data after its labels were merged or split. The encoder is
           trained for one epoch on 256 sentences: its quality does not affect the time.
words      the model on sentences of this many words each, about equally many words in total.

The text is the data in a random order, different in each round; one word in ten is replaced by random letters, so that
caching words helps no more than in real text.

Times are medians; "growth" is the exponent from the row above: 1 is linear, 2 quadratic. A size is left out when the
one before took longer than the budget. Writes benchmarks/results/scale.json and docs/scale.svg.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import string
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from harness import RESULTS, SAMPLE, command, existing, positive, spell
from rich.console import Console
from rich.table import Table

import coner
from coner.config.experiment import Experiment
from coner.core.types import Entity, Sentence
from coner.data import write_conll
from coner.families.crf.settings import CrfExperiment
from coner.families.recipe import Training
from coner.families.tagger import Tagger
from coner.records.machine import machine, versions
from coner.report.curves import COLOURS, MARKERS
from coner.runs.execute import execute

PICTURE = Path(__file__).parents[1] / "docs/scale.svg"
SENTENCES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LABELS = (4, 8, 16, 33, 66)
WORDS = (8, 30, 125, 500, 2000)
TEXT = 64_000, 8_000  # words of text for each length of sentences: for a CRF, for an encoder
CHILD = """
import sys
from pathlib import Path
from coner.cli import run
from coner.records.machine import peak_memory
code = run(sys.argv[1:])
status = Path("/proc/self/status")  # a peak from getrusage may be that of the process that started this one
peak = int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 if status.exists() else peak_memory()
print(peak)
sys.exit(code)
"""


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        kind: of the tagger.
        by: what grows: sentences, labels or words.
        size: how large it is.
        seconds: of the whole command (sentences), else of a sentence.
        growth: exponent from the size before.
        memory: peak in bytes, where it was measured.
    """

    kind: str
    by: str
    size: int
    seconds: float
    growth: float | None = None
    memory: int | None = None


def varied(corpus: Sequence[Sentence], number: int, seed: int = 0) -> Iterator[Sentence]:
    """Draw ``number`` sentences of the corpus, and replace one word in ten by an unseen one."""
    draw = random.Random(seed)
    for _ in range(number):
        words = [
            word if draw.random() > 0.1 else "".join(draw.choices(string.ascii_lowercase, k=max(3, len(word))))
            for word in draw.choice(corpus).words
        ]
        yield Sentence(tuple(words), ())


def by_sentences(model: Path, corpus: Sequence[Sentence], sizes: Sequence[int], budget: float) -> Iterator[Point]:
    """Time the whole command."""
    kind = coner.load(model).kind
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.conll")
        for size in sizes:
            with source.open("w", encoding="utf-8", newline="") as handle:
                write_conll(varied(corpus, size), handle)
            command = [sys.executable, "-c", CHILD, "tag", str(model), str(source), "-o", f"{folder}/out.conll"]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - start
            yield Point(kind, "sentences", size, seconds, memory=int(done.stdout))
            if seconds > budget:
                return


def by_labels(model: Path, corpus: Sequence[Sentence], sizes: Sequence[int], rounds: int) -> Iterator[Point]:
    """Time models with the same settings and other numbers of labels."""
    tagger = coner.load(model)
    settings: Experiment = tagger.settings  # type: ignore[attr-defined]  # both kinds have them
    labels = sorted({entity.label for sentence in corpus for entity in sentence.entities or ()})
    for size in sizes:
        tagger = trained(settings, [relabelled(sentence, labels, size) for sentence in corpus])
        yield Point(
            tagger.kind,
            "labels",
            len(tagger.labels),
            timed(tagger, [list(varied(corpus, 500, seed)) for seed in range(rounds + 1)]),
        )


def relabelled(sentence: Sentence, labels: Sequence[str], size: int) -> Sentence:
    """Labels merged to fewer, or split by the mention's words to more."""

    def label(entity: Entity) -> str:
        number = labels.index(entity.label)
        if size > len(labels):
            number += len(labels) * (zlib.crc32(sentence.surface(entity).encode()) % math.ceil(size / len(labels)))
        return f"L{number % size}"

    entities = [replace(entity, label=label(entity)) for entity in sentence.entities or ()]
    return replace(sentence, entities=tuple(entities))


def trained(settings: Experiment, corpus: Sequence[Sentence]) -> Tagger:
    """Train a tagger with these settings; an encoder only briefly, which does not affect its speed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.conll")
        short = corpus if isinstance(settings, CrfExperiment) else corpus[:256]
        with path.open("w", encoding="utf-8", newline="") as handle:
            write_conll(short, handle)
        data = settings.data.model_copy(update={"train": path, "dev": path, "test": None, "taxonomy": "auto"})
        changed: dict[str, Any] = {"data": data}
        if not isinstance(settings, CrfExperiment):
            changed["train"] = settings.train.model_copy(update={"epochs": 1})
        with redirect_stderr(StringIO()):
            execute(Training(settings.model_copy(update=changed)), Path(folder, "run"))
        return coner.load(Path(folder, "run"))


def by_words(model: Path, corpus: Sequence[Sentence], sizes: Sequence[int], rounds: int) -> Iterator[Point]:
    """Time the model on the same text, cut into longer and longer sentences."""
    tagger = coner.load(model)
    total = TEXT[tagger.kind != "crf"]
    for size in sizes:
        texts = [cut(varied(corpus, total, seed), size, max(2, total // size)) for seed in range(rounds + 1)]
        yield Point(tagger.kind, "words", size, timed(tagger, texts))


def cut(sentences: Iterable[Sentence], size: int, number: int) -> list[Sentence]:
    """Join the sentences, and cut their words into ``number`` sentences of ``size`` words."""
    words = (word for sentence in sentences for word in sentence.words)
    return [Sentence(tuple(islice(words, size))) for _ in range(number)]


def timed(tagger: Tagger, rounds: Sequence[Sequence[Sentence]]) -> float:
    """Median seconds per sentence over the rounds; the first round is a warm-up."""
    times = []
    for sentences in rounds:
        start = time.perf_counter()
        tagger.tag(sentences)
        times.append((time.perf_counter() - start) / len(sentences))
    return statistics.median(times[1:])


def with_growth(points: Sequence[Point]) -> list[Point]:
    """Each with the exponent from the one before, in sequences of one kind and quantity."""
    grown = list(points[:1])
    for a, b in pairwise(points):
        same = (a.kind, a.by) == (b.kind, b.by) and a.size != b.size
        grown.append(replace(b, growth=math.log(b.seconds / a.seconds) / math.log(b.size / a.size)) if same else b)
    return grown


def show(points: Sequence[Point]) -> None:
    """A table on the terminal."""
    table = Table("tagger", "grows", "size", "time", "of", "per second", "growth", "peak memory")
    for p in points:
        whole = p.by == "sentences"
        rate = (p.size if whole else 1) / p.seconds
        speed = f"{rate:,.0f} sentences" if rate >= 10 else f"{rate:.1f} sentences"
        growth = "" if p.growth is None else f"{p.growth:.2f}"
        memory = "" if p.memory is None else f"{p.memory / 2**20:.0f} MiB"
        unit = "whole command" if whole else "one sentence"
        table.add_row(p.kind, p.by, f"{p.size:,}", spell(p.seconds), unit, speed, growth, memory)
    Console(width=120, highlight=False).print(table)


def draw(points: Sequence[Point], *paths: Path) -> None:
    """A panel for each quantity, both axes logarithmic."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    panels: tuple[tuple[str, str, str, Callable[[float], float]], ...] = (
        ("sentences", "sentences", "seconds, all", lambda s: s),
        ("labels", "labels", "milliseconds a sentence", lambda s: 1e3 * s),
        ("words", "words a sentence", "milliseconds a sentence", lambda s: 1e3 * s),
    )
    plain = FuncFormatter(lambda value, _: f"{value:,g}")
    kinds = list(dict.fromkeys(point.kind for point in points))
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axis, (by, across, up, unit) in zip(figure.subplots(1, 3), panels, strict=True):
        for kind, colour, marker in zip(kinds, COLOURS, MARKERS, strict=False):
            some = [point for point in points if (point.kind, point.by) == (kind, by)]
            times = [unit(point.seconds) for point in some]
            axis.loglog([p.size for p in some], times, color=colour, marker=marker, markersize=5, label=kind)
        low, high = axis.get_ylim()  # whole decades, so that noise does not look like growth
        axis.set_ylim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
        axis.xaxis.set_major_formatter(plain)
        axis.yaxis.set_major_formatter(plain)
        if by == "labels":
            axis.set_xticks(LABELS, [str(number) for number in LABELS])
        axis.minorticks_off()
        axis.set_xlabel(across)
        axis.set_ylabel(up)
        axis.grid(visible=True, color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    if len(kinds) > 1:
        figure.axes[0].legend(frameon=False)
    with mpl.rc_context({"svg.hashsalt": "coner"}):  # neither date nor random ids
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crf", type=existing, metavar="RUN", help="folder of a trained CRF")
    parser.add_argument("--encoder", type=existing, metavar="RUN", help="folder of a trained encoder")
    parser.add_argument("--data", type=existing, default=SAMPLE / "train.conll", help="labelled; default: the sample")
    parser.add_argument("--most", type=positive, default=100_000, help="sentences of a file; default 100,000")
    parser.add_argument("--budget", type=positive, default=60, help="seconds, see above; default 60")
    parser.add_argument("--rounds", type=positive, default=3, help="rounds, of which the median is taken; default 3")
    parser.add_argument("--png", type=Path, metavar="FILE", help="also draw the picture as PNG")
    options = parser.parse_args()
    models = [model for model in (options.crf, options.encoder) if model is not None]
    if not models:
        parser.error("name a model: --crf RUN, --encoder RUN, or both")
    corpus = list(coner.read(options.data))
    points: list[Point] = []
    for model in models:
        sizes = [size for size in SENTENCES if size <= options.most]
        points += by_sentences(model, corpus, sizes, options.budget)
        points += by_labels(model, corpus, LABELS, options.rounds)
        points += by_words(model, corpus, WORDS, options.rounds)
    points = with_growth(points)
    show(points)
    rows = [
        {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in vars(point).items()}
        for point in points
    ]
    facts = {"versions": versions(), "machine": machine(), "data": options.data.name, "rows": rows}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scale.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(points, PICTURE, *([options.png] if options.png else []))


if __name__ == "__main__":
    command(main)
