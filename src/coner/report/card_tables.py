"""The tables of a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coner.data.taxonomy import Taxonomy
from coner.families.settings import parse_experiment
from coner.families.vote.settings import VoteSettings
from coner.records.plain import plain
from coner.records.record import Record
from coner.report.grid import DASH, Grid

# Told elsewhere on the card, or no matter of the model.
APART = (
    "kind",
    "name",
    "seed",
    "data.train",
    "data.dev",
    "data.test",
    "data.extra",
    "train.checkpoint_minutes",
    "train.tensorboard",
)


def plain_text(text: str) -> str:
    """A name as Markdown shows it, whatever is in it."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>#" else letter for letter in " ".join(text.split()))


def first_part(record: Record) -> str | None:
    """The part whose figures say most: test before dev; ``None`` where there is neither."""
    return next((part for part in ("test", "dev", *record.scores) if part in record.scores), None)


def score_table(record: Record) -> str:
    """A row a part."""
    heading = ["part", "micro F1", "macro F1 (95 %)", "coarse macro F1", "span F1", "seen recall", "unseen recall"]
    return _markdown(heading, [[part, *_row(scores)] for part, scores in record.scores.items()])


def _row(scores: Mapping[str, Any]) -> list[str]:
    fine, bounds = scores["fine"], scores.get("intervals", {}).get("macro_f1")
    interval = f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""
    recalls = [f"{scores[part]['recall']:.3f}" if part in scores else DASH for part in ("seen", "unseen")]
    rates = [f"{scores['coarse']['macro_f1']:.3f}", f"{scores['span']['f1']:.3f}"]
    return [f"{fine['micro_f1']:.3f}", f"{fine['macro_f1']:.3f}{interval}", *rates, *recalls]


def class_table(record: Record, taxonomy: Taxonomy, part: str) -> str:
    """Classes of the part, best F1 first."""
    classes = record.scores[part]["fine"]["classes"]
    groups = taxonomy.coarse_by_fine
    rows = [
        [
            plain_text(label),
            plain_text(groups.get(label, DASH)),
            *(f"{of[rate]:.3f}" for rate in ("f1", "precision", "recall")),
            _count(of),
        ]
        for label, of in sorted(classes.items(), key=lambda item: (-item[1]["f1"], item[0]))
    ]
    return _markdown(["class", "group", "F1", "precision", "recall", "mentions"], rows)


def data_table(record: Record) -> str:
    """A row a file."""
    rows = []
    for part, entry in record.data.items():
        for name, file in [(part, entry), *((f"{part}, too", extra) for extra in entry.get("extra", ()))]:
            counts = [f"{file[what]:,}" for what in ("sentences", "words", "mentions")]
            rows.append([name, _code(file["file"]), f"`{file['sha256']}`", *counts])
    return _markdown(["part", "file", "sha256", "sentences", "words", "mentions"], rows)


def settings_table(record: Record) -> str:
    """Settings that are not the defaults."""
    rows = [[_code(key), _code(value)] for key, value in changed(record)]
    if not rows:
        return "All settings are the defaults."
    return "Settings that are not the defaults:\n\n" + _markdown(["setting", "value"], rows)


def changed(record: Record) -> list[tuple[str, Any]]:
    """Settings of the record that differ from this version's defaults, as key path and value."""
    if record.kind == "vote":
        bare: dict[str, Any] = {"vote": {k: f.default for k, f in VoteSettings.model_fields.items() if k != "members"}}
    elif record.kind in ("crf", "encoder"):
        bare = parse_experiment({"kind": record.kind}).model_dump()
    else:
        bare = {}
    default = dict(_flat(plain(bare)))
    return [(key, value) for key, value in _flat(record.settings) if _is_told(key, value, default)]


def _is_told(key: str, value: Any, default: Mapping[str, Any]) -> bool:
    """Whether a setting differs; what the model was made from is told in any case."""
    if key in APART:
        return False
    known = key in default or bool(value)  # a setting of another version that is off says nothing
    return key == "encoder.name" or (known and value != default.get(key))


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _code(value: Any) -> str:
    return "`" + str(value).replace("`", "'") + "`"


def _count(result: Mapping[str, Any]) -> str:
    return f"{result['support']:,}"


def _markdown(heading: list[str], rows: list[list[str]]) -> str:
    return Grid(heading, [[(cell, False) for cell in row] for row in rows]).markdown()
