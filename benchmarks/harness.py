"""What the benchmarks share: rounds in turn, medians of ratios, the processor, a table, a JSON file.

The speed of a machine varies from second to second. So each round runs ours and the peer's one after the other, in
alternating order, and the result is the median over the rounds of the ratio of their times.
"""

from __future__ import annotations

import argparse
import json
import os
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
from coner.records.machine import commit, machine

RESULTS = Path(__file__).parent / "results"
KINDS = {  # folder of the records: what the processor has, the first that fits
    "amx": "amx_bf16",
    "avx512-bf16": "avx512_bf16",
    "avx512": "avx512f",
    "avx2": "avx2",
}
FEATURES = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "avx_vnni",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "i8mm",
)
CPU = Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu/cpu0/cache")
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


@dataclass(frozen=True)
class Processor:
    """What the speed of matrix products depends on.

    Attributes:
        name: of the model.
        features: the names in ``FEATURES`` that it has, as Linux spells them.
        caches: size of each level that one core sees, such as ``{"L2": "512K"}``.
    """

    name: str
    features: tuple[str, ...]
    caches: dict[str, str]

    @property
    def kind(self) -> str:
        """Folder of the records that are comparable: a key of ``KINDS``, or ``other``."""
        return next((kind for kind, feature in KINDS.items() if feature in self.features), "other")

    @property
    def has_bfloat16(self) -> bool:
        """Whether it computes in bfloat16; where that is emulated, a step takes minutes."""
        return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(self.features)

    @classmethod
    def read(cls, cpuinfo: Path = CPU[0], caches: Path = CPU[1]) -> Processor:
        """This machine's; without features and caches where the system does not list them as Linux does."""
        lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
        values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        flags = set(values.get("flags", values.get("Features", "")).split())  # x86, Arm
        levels = {
            f"L{level}": (each / "size").read_text().strip()
            for each in sorted(caches.glob("index*"))
            if (each / "type").read_text().strip() != "Instruction" and (level := (each / "level").read_text().strip())
        }
        name = values.get("model name") or platform.machine()
        return cls(name, tuple(feature for feature in FEATURES if feature in flags), levels)


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
    processor, head = Processor.read(), commit()
    where = {**machine(), "features": processor.features, "caches": processor.caches}
    where["load"] = round(os.getloadavg()[0], 1)  # 1: only this process
    console.print(
        f"{processor.name} ({', '.join((*processor.features, *map(' '.join, processor.caches.items())))}), "
        f"cores: {where['cores']}, threads: {where['threads']}, load: {where['load']}",
        markup=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "commit": head and head["id"][:8] + " with changes" * head["dirty"],
        "versions": versions,
        "machine": where,
        "facts": facts,
        "rows": [_rounded(r) for r in rows],
    }
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def spell(time: float) -> str:
    """Format seconds."""
    return f"{time:.2f} s" if time >= 1 else f"{1e3 * time:.2f} ms" if time < 0.01 else f"{1e3 * time:.0f} ms"


def _rounded(r: Row) -> dict[str, object]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in asdict(r).items()}


def arguments(doc: str | None, *, rounds: int = 5, out: Path | None = None) -> argparse.ArgumentParser:
    """A parser whose help is the module's docstring, with ``--rounds`` and ``--out``, by default of this processor."""
    out = out or RESULTS / Processor.read().kind
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default=rounds, help=f"how often each is run; default {rounds}")
    parser.add_argument("--out", type=Path, default=out, help="folder of the JSON; default %(default)s")
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
