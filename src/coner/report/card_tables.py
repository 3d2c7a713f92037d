"""The tables of a model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from coner.data.taxonomy import Taxonomy
from coner.evaluation.metrics import shown_in
from coner.families.family import Family
from coner.families.registry import families, family
from coner.records.plain import plain
from coner.records.record import Record
from coner.report.columns import metric_column
from coner.report.grid import DASH, Grid

# Shown elsewhere on the card, or without influence on the model.
OMITTED = {
    *("kind", "name", "seed", "data.train", "data.dev", "data.test", "data.extra"),
    *("train.checkpoint_minutes", "train.tensorboard"),
}


def plain_text(text: str) -> str:
    """Escape a name for Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>#" else letter for letter in " ".join(text.split()))


def family_of(record: Record) -> Family | None:
    """The family of the run; ``None`` if this version does not know it."""
    name = record.kind
    return family(name) if name in families.names() else None


def score_table(record: Record) -> str:
    """One row per split."""
    columns = {title: metric_column(title, metric) for title, metric in shown_in("card").items()}
    rows = [
        [split, *(c.text(c.read(record, split), scores.intervals.of(c.name)) for c in columns.values())]
        for split, scores in record.scores.items()
    ]
    return Grid(["split", *columns], rows).markdown()


def class_table(record: Record, taxonomy: Taxonomy, split: str) -> str:
    """The classes of a split, best F1 first."""
    groups = taxonomy.coarse_by_fine
    rows = []
    for label, result in sorted(record.scores[split].fine.classes.items(), key=lambda item: (-item[1].f1, item[0])):
        rates = (f"{rate:.3f}" for rate in (result.f1, result.precision, result.recall))
        rows.append([plain_text(label), plain_text(groups.get(label, DASH)), *rates, f"{result.support:,}"])
    return Grid(["class", "group", "F1", "precision", "recall", "mentions"], rows).markdown()


def data_table(record: Record) -> str:
    """One row per file."""
    rows = []
    for split, data in record.data.items():
        for name, file in [(split, data), *((f"{split}, extra", extra) for extra in data.extra)]:
            counts = [f"{count:,}" for count in (file.sentences, file.words, file.mentions)]
            rows.append([name, _code(file.file), f"`{file.sha256}`", *counts])
    return Grid(["split", "file", "sha256", "sentences", "words", "mentions"], rows).markdown()


def settings_table(record: Record) -> str:
    """The settings that differ from the defaults."""
    rows = [[_code(key), _code(value)] for key, value in changed(record)]
    if not rows:
        return "All settings are the defaults."
    return "Settings that are not the defaults:\n\n" + Grid(["setting", "value"], rows).markdown()


def changed(record: Record) -> list[tuple[str, Any]]:
    """Settings of the record that differ from this version's defaults, as key path and value; always the encoder."""
    known = family_of(record)
    default = dict(_flat(plain(_defaults(known.settings)))) if known else {}
    return [
        (key, value)
        for key, value in _flat(record.settings)
        # A setting that this version does not know is listed only if it is on.
        if key == "encoder.name" or (key not in OMITTED and (key in default or value) and value != default.get(key))
    ]


def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The defaults of a settings model; a required setting is left out."""
    values = {}
    for name, field in model.model_fields.items():
        if not field.is_required():
            default = field.get_default(call_default_factory=True)
            values[name] = default.model_dump() if isinstance(default, BaseModel) else default
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            values[name] = _defaults(field.annotation)
    return values


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _code(value: Any) -> str:
    return "`" + str(value).replace("`", "'") + "`"
