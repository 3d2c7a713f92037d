"""The tables of docs/speed.md, one for each kind of processor, from the records in benchmarks/results.

python benchmarks/table.py            # prints them
python benchmarks/table.py --write    # replaces those of the page
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import RESULTS, spell

PAGE = Path(__file__).parents[1] / "docs/speed.md"
MARKS = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
TITLES = {
    "avx2": "AVX2, float32",
    "avx512-bf16": "AVX-512 with bfloat16",
    "amx": "AMX",
}
HEADER = "| task | compared with | times faster | coner takes | commit, record |", "|---|---|---:|---:|---|"


@dataclass(frozen=True)
class Line:
    """A line of the table: the row of a record that it shows.

    Attributes:
        task: what is measured, for the reader.
        record: name of the file, without suffix.
        work, peer: expressions that match the whole names of the row.
        shown: peer for the reader; by default the record's.
    """

    task: str
    record: str
    work: str = ".*"
    peer: str = ".*"
    shown: str = ""


CRF = "sklearn-crfsuite"
LINES = (
    Line("train `minilm`, plain head, 32 sentences per step", "training-32", peer="Trainer, defaults"),
    Line("", "training-32", peer="Trainer, .*grouped.*"),
    Line("the same, until equal F1 (one run)", "training-32-whole", peer="Trainer, defaults"),
    Line("", "training-32-whole", peer="Trainer, .*grouped.*"),
    Line("8 sentences per step", "training-8", peer="Trainer, defaults"),
    Line("", "training-8", peer="Trainer, .*grouped.*"),
    Line("tag {work} with `plain-minilm`", "tagging", peer="pipeline, batch 1"),
    Line("", "tagging", peer="pipeline, batch (?!1$)[0-9]+"),
    Line("", "tagging", peer="pipeline, batch .*sorted.*"),
    Line("train the CRF on {sentences:,} sentences, {tags} tags", "crf_training", "words to model", f"{CRF}, L-BFGS"),
    Line("", "crf_training", "words to model", f"{CRF}, as ours", f"{CRF}, gradient descent"),
    Line("tag with the CRF, new text", "crf_tagging", "likely mentions, new text"),
    Line("known words", "crf_tagging", "likely mentions, known words"),
    Line("new text, best path", "crf_tagging", "best path, new text"),
    Line("CRF layer, forward + backward, 1 thread", "crf_layer", "forward . backward, threads: 1"),
    Line("2 threads", "crf_layer", "forward . backward, threads: 2"),
    Line("CRF layer, Viterbi, 1 thread", "crf_layer", "Viterbi, threads: 1"),
    Line("2 threads", "crf_layer", "Viterbi, threads: 2"),
    Line("score {work}", "scoring", peer="seqeval", shown="seqeval, strict"),
    Line("score {work}", "scoring", peer="nervaluate"),
    Line("read {work}", "reading"),
    Line("`--help`", "startup", "help"),
    Line("first entity from a CRF", "startup", "first entity", shown="spaCy's English model (md)"),
)


def tables(results: Path = RESULTS) -> str:
    """All tables, in Markdown; a line for each row that a record has."""
    return "\n".join(
        _table(results / kind, title) for kind, title in TITLES.items() if any((results / kind).glob("*.json"))
    )


def _table(folder: Path, title: str) -> str:
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    lines = [_cells(line, row, records[line.record], folder) for line in LINES for row in _rows(line, records)]
    return "\n".join([f"## {title}", "", _machines(records), "", *HEADER, *lines, ""])


def _rows(line: Line, records: dict[str, Any]) -> list[dict[str, Any]]:
    rows = records.get(line.record, {}).get("rows", [])
    return [row for row in rows if re.fullmatch(line.work, row["work"]) and re.fullmatch(line.peer, row["peer"])]


def _cells(line: Line, row: dict[str, Any], record: dict[str, Any], folder: Path) -> str:
    ratio, low, high = (f"{row[name]:.{0 if row['ratio'] >= 20 else 1}f}" for name in ("ratio", "low", "high"))
    spread = f" [{low}, {high}]" if row["rounds"] > 1 else ""
    link = f"[{record['commit'][:8]}](../benchmarks/results/{folder.name}/{line.record}.json)"
    cells = (
        line.task.format_map({**record["facts"], **row}),
        line.shown or row["peer"],
        ratio + spread,
        spell(row["ours"]) + " a word" * (row["work"] == "seconds a word"),
        link,
    )
    return f"| {' | '.join(cells)} |"


def _machines(records: dict[str, Any]) -> str:
    """What the records were measured on: each processor, with its caches, numbers of threads, and load if recorded."""
    found: dict[str, tuple[set[int], list[float]]] = {}
    for machine in (record["machine"] for record in records.values()):
        caches = (f"{level} {size}" for level, size in machine.get("caches", {}).items())
        threads, loads = found.setdefault(", ".join((machine["processor"], *caches)), (set(), []))
        threads.add(machine.get("threads", 1))
        loads += [machine["load"]] if "load" in machine else []
    lines = []
    for name, (threads, loads) in found.items():
        ends = dict.fromkeys(f"{load:.0f}" for load in (min(loads), max(loads))) if loads else ()
        load = f"; load: {' to '.join(ends)}" if ends else ""
        lines.append(f"{name}; threads: {' or '.join(map(str, sorted(threads)))}{load}")
    return "; ".join(lines) + "."


def main() -> None:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/speed.md")
    if not parser.parse_args().write:
        sys.stdout.write(tables())
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{tables()}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
