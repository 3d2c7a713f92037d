"""What the benchmarks share: rounds in turn, medians of ratios, a table, a JSON file.

The speed of a machine varies from second to second. So each round runs ours and the peer's one after the other, in
alternating order, and the result is the median over the rounds of the ratio of their times.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from coner.core.errors import ConerError
from coner.core.processes import limit_thread_spin
from coner.records.machine import machine

RESULTS = Path(__file__).parent / "results"
SAMPLE = Path(__file__).parents[1] / "src/coner/data/sample"
Work = Callable[[], object]

limit_thread_spin()  # as the command line does, before torch is loaded


@dataclass(frozen=True)
class Row:
    """Ours compared with a peer at one task.

    Attributes:
        work, peer: names.
        ours, theirs: median seconds.
        ratio: how many times faster ours is: median over the rounds, with quartiles ``low`` and ``high``.
        goal: ratio to reach; ``None`` if none is set.
    """

    work: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    rounds: int
    goal: float | None = None


def seconds(work: Work) -> float:
    """Wall-clock time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    work: str,
    peer: str,
    ours: Work,
    theirs: Work,
    *,
    rounds: int,
    warm: int = 1,
    goal: float | None = None,
    before: Work = lambda: None,
) -> Row:
    """Run both in turn.

    Args:
        work, peer, goal: see ``Row``.
        ours, theirs: what to run.
        rounds: number of timed rounds.
        warm: number of rounds before them, not timed.
        before: called before each run, not timed.
    """
    for run in (ours, theirs) * warm:
        before()
        run()
    mine: list[float] = []
    other: list[float] = []
    for at in range(rounds):
        for run, times in ((ours, mine), (theirs, other))[:: -1 if at % 2 else 1]:
            before()
            times.append(seconds(run))
    return row(work, peer, mine, other, goal=goal)


def row(work: str, peer: str, ours: Sequence[float], theirs: Sequence[float], *, goal: float | None = None) -> Row:
    """A row from the seconds of each round."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    medians = statistics.median(ours), statistics.median(theirs)
    return Row(work, peer, *medians, middle, low, high, len(ratios), goal)


def report(path: Path, title: str, rows: Sequence[Row], *, packages: Sequence[str], facts: dict[str, object]) -> None:
    """Print a table, and write it as JSON, with what it was measured on.

    Args:
        path: of the JSON.
        title: of the table.
        rows: in order.
        packages: whose versions are reported.
        facts: sizes and other measurements; printed below the table, one per line.
    """
    table = Table("work", "peer", "coner", "peer's", "times faster", "quartiles", "goal", title=title)
    for r in rows:
        goal = "" if r.goal is None else f">= {r.goal:g} {'met' if r.ratio >= r.goal else 'missed'}"
        cells = spell(r.ours), spell(r.theirs), f"{r.ratio:.1f}", f"{r.low:.1f} - {r.high:.1f}", goal
        table.add_row(r.work, r.peer, *cells)
    versions = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    console = Console(width=140, highlight=False)
    if rows:
        console.print(table)
    for what, value in facts.items():
        console.print(f"{what}: {value}", markup=False)
    console.print(", ".join(f"{package} {number}" for package, number in versions.items()), markup=False)
    where = machine()
    console.print(f"{where['processor']}, cores: {where['cores']}", markup=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {"versions": versions, "machine": where, "facts": facts, "rows": [_rounded(r) for r in rows]}
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def spell(time: float) -> str:
    """Format seconds."""
    return f"{time:.2f} s" if time >= 1 else f"{1e3 * time:.2f} ms" if time < 0.01 else f"{1e3 * time:.0f} ms"


def _rounded(r: Row) -> dict[str, object]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in asdict(r).items()}


def arguments(doc: str | None, *, rounds: int = 5) -> argparse.ArgumentParser:
    """A parser whose help is the module's docstring, with ``--rounds`` and ``--out``."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default=rounds, help=f"how often each is run; default {rounds}")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON; default benchmarks/results")
    return parser


def command(main: Callable[[], None]) -> None:
    """Run a benchmark as a command: wrong input gives one line and exit code 2."""
    try:
        main()
    except ConerError as error:
        sys.stderr.write(f"{Path(sys.argv[0]).name}: {error}\n")
        raise SystemExit(2) from None


def positive(text: str) -> int:
    """An argument that is a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def existing(text: str) -> Path:
    """An argument that is a file or a folder."""
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text} does not exist")
    return path
