"""The table of docs/speed.md, with a column for each kind of processor, from the records in benchmarks/results.

python benchmarks/table.py            # prints it
python benchmarks/table.py --write    # replaces that of the page
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import RESULTS

PAGE = Path(__file__).parents[1] / "docs/speed.md"
MARKS = "<!-- table: begin -->\n", "<!-- table: end -->\n"
TITLES = {
    "avx2": "AVX2, float32",
    "avx512-bf16": "AVX-512, bfloat16",
    "amx": "AMX, bfloat16",
}
RECORD = "record"  # key and title of the column that names the file


@dataclass(frozen=True)
class Line:
    """What a line of the table shows: a row of the record of each kind of processor.

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
TRAIN = "train `minilm`, plain head, 32 sentences per step"
TRAIN_WHOLE = "the same, until equal F1 (one run)"
TRAIN_CRF = "train the CRF on {sentences:,} sentences, {tags} tags"
TAG = "tag {work} with `plain-minilm`"
LINES = (
    Line(TRAIN, "training-32", peer="Trainer, defaults"),
    Line(TRAIN, "training-32", peer="Trainer, .*grouped.*"),
    Line(TRAIN_WHOLE, "training-32-whole", peer="Trainer, defaults"),
    Line(TRAIN_WHOLE, "training-32-whole", peer="Trainer, .*grouped.*"),
    Line("8 sentences per step", "training-8", peer="Trainer, defaults"),
    Line("8 sentences per step", "training-8", peer="Trainer, .*grouped.*"),
    Line(TAG, "tagging", peer="pipeline, batch 1"),
    Line(TAG, "tagging", peer="pipeline, batch (?!1$)[0-9]+", shown="pipeline, fastest batch size"),
    Line(TAG, "tagging", peer="pipeline, .*sorted.*", shown="pipeline, the same, sorted, bfloat16"),
    Line(TRAIN_CRF, "crf_training", "words to model", f"{CRF}, L-BFGS"),
    Line(TRAIN_CRF, "crf_training", "words to model", f"{CRF}, as ours", f"{CRF}, gradient descent"),
    Line("tag with the CRF, new text", "crf_tagging", "likely mentions, new text"),
    Line("known words", "crf_tagging", "likely mentions, known words"),
    Line("new text, best path", "crf_tagging", "best path, new text"),
    Line("CRF layer, forward + backward", "crf_layer", "forward . backward, threads: 1"),
    Line("CRF layer, Viterbi", "crf_layer", "Viterbi, threads: 1"),
    Line("score {work}", "scoring", peer="seqeval", shown="seqeval, strict"),
    Line("score {work}", "scoring", peer="nervaluate"),
    Line("read {work}", "reading"),
    Line("first entity from a CRF", "startup", "first entity", shown="spaCy's English model (md)"),
)


def table(results: Path = RESULTS) -> str:
    """The table in Markdown, with a line for each task and peer of a record, and the machines below it."""
    found = {kind: records for kind in TITLES if (records := _records(results / kind))}
    tasks: dict[str, dict[str, dict[str, str]]] = {}  # ratios of a task, by peer and kind of processor; and the record
    for line in LINES:
        for kind, records in found.items():
            for row in _rows(line, records):
                task = line.task.format_map({**records[line.record]["facts"], **row})
                ratios = tasks.setdefault(task, {}).setdefault(line.shown or row["peer"], {})
                ratios |= {kind: f"{_ratio(row)}{_spread(row)}", RECORD: f"`{line.record}`"}
    titles = {**{kind: TITLES[kind] for kind in found}, RECORD: RECORD}
    lines = [("task", "compared with", *titles.values()), ("---", "---", *("---:" for _ in found), "---")]
    for task, peers in tasks.items():
        for i, (peer, ratios) in enumerate(peers.items()):
            lines.append(("" if i else task, peer, *(ratios.get(key, "") for key in titles)))
    machines = [f"- {TITLES[kind]} (`{kind}`): {_machines(records)}" for kind, records in found.items()]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", *machines, ""])


def _records(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _rows(line: Line, records: dict[str, Any]) -> list[dict[str, Any]]:
    rows = records.get(line.record, {}).get("rows", [])
    return [row for row in rows if re.fullmatch(line.work, row["work"]) and re.fullmatch(line.peer, row["peer"])]


def _ratio(row: dict[str, Any], name: str = "ratio") -> str:
    return f"{row[name]:.{0 if row['ratio'] >= 20 else 1}f}"


def _spread(row: dict[str, Any]) -> str:
    return f" [{_ratio(row, 'low')}, {_ratio(row, 'high')}]" if row["rounds"] > 1 else ""


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
        sys.stdout.write(table())
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
