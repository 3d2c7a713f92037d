"""A model card, from a run's record and what its maker tells: front matter as the hub reads it, then Markdown.

A pure function: nothing is claimed that neither says, and what was not measured is said not to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coner.data.taxonomy import Taxonomy
from coner.records.record import Record
from coner.report.card_faults import faults
from coner.report.card_tables import class_table, data_table, first_part, plain_text, score_table, settings_table

TASK = "token-classification"
EXTRAS = {"encoder": "encoder,hub", "onnx": "onnx,hub", "vote": "encoder,hub"}
KINDS = {
    "crf": "A feature-based conditional random field",
    "encoder": "A fine-tuned encoder with a head for mentions",
    "vote": "Several trained models that vote",
}


@dataclass(frozen=True)
class Told:
    """What no record knows, as far as the maker tells.

    Attributes:
        repo: ``user/name`` on the hub.
        license: as the hub spells it, such as ``apache-2.0``.
        languages: codes, such as ``en``.
        datasets: of the hub, such as ``user/name``.
    """

    repo: str | None = None
    license: str | None = None
    languages: Sequence[str] = ()
    datasets: Sequence[str] = ()


def model_card(record: Record, taxonomy: Taxonomy, told: Told | None = None) -> str:
    """The whole README.md.

    Args:
        record: of the run.
        taxonomy: of its labels.
        told: by the maker.
    """
    told = told or Told()
    name = told.repo.partition("/")[2] if told.repo else record.name or record.kind
    front = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in _front(record, told, name)]
    sections = [
        f"# {plain_text(name)}\n\n{_about(record, taxonomy)}",
        "## Scores\n\n" + _scores(record),
        *_classes(record, taxonomy),
        "## Training\n\n" + _training(record),
        "## Data\n\n" + _data(record, told),
        "## What it is not good for\n\n" + "\n".join(f"- {fault}" for fault in faults(record, taxonomy)),
        "## Use\n\n" + _use(record, told),
    ]
    return "\n".join(["---", *front, "---", ""]) + "\n" + "\n\n".join(sections) + "\n"


def _front(record: Record, told: Told, name: str) -> Iterator[tuple[str, Any]]:
    """Keys of the front matter; each value is JSON, which is YAML too."""
    if told.license:
        yield "license", told.license
    if told.languages:
        yield "language", list(told.languages)
    if told.datasets:
        yield "datasets", list(told.datasets)
    encoder = record.settings.get("encoder", {}).get("name", "")
    if encoder.count("/") == 1:  # a repository of the hub: places on a machine are recorded by their last part
        yield "base_model", encoder
    yield "library_name", "coner"
    yield "pipeline_tag", TASK
    yield "tags", ["coner", "named-entity-recognition", TASK, record.kind]
    yield "metrics", ["f1", "precision", "recall"]
    yield "model-index", [{"name": name, "results": [_result(record, part, told) for part in record.scores]}]


def _result(record: Record, part: str, told: Told) -> dict[str, Any]:
    """One part's figures as the hub has them."""
    scores, data = record.scores[part], record.data.get(part, {})
    titles = {
        ("fine", "micro_f1"): "Micro F1",
        ("fine", "macro_f1"): "Macro F1",
        ("coarse", "macro_f1"): "Macro F1, coarse groups",
        ("span", "f1"): "Span F1, labels aside",
    }
    metrics = [
        {"type": "f1", "name": title, "value": round(scores[level][score], 4)}
        for (level, score), title in titles.items()
    ]
    metrics += [
        {"type": kind, "name": f"Micro {kind}", "value": round(scores["fine"][kind], 4)}
        for kind in ("precision", "recall")
        if kind in scores["fine"]
    ]
    file = str(data.get("file", part))
    identity = told.datasets[0] if len(told.datasets) == 1 else file
    return {
        "task": {"type": TASK, "name": "Named entity recognition"},
        "dataset": {"name": file, "type": identity, "split": part, "args": {"sha256": data.get("sha256")}},
        "metrics": metrics,
    }


def _about(record: Record, taxonomy: Taxonomy) -> str:
    groups = [
        f"- {plain_text(group)}: {', '.join(plain_text(label) for label in classes)}"
        for group, classes in taxonomy.groups.items()
        if list(classes) != [group]
    ]
    alone = [plain_text(group) for group, classes in taxonomy.groups.items() if list(classes) == [group]]
    what = f"{KINDS.get(record.kind, 'A tagger')} that finds named entities, made with `coner`."
    count = f"It knows {len(taxonomy.labels)} classes ({plain_text(taxonomy.name)})"
    listed = "\n".join([*groups, *([f"- {', '.join(alone)}"] if alone else [])])
    return f"{what}\n\n{count}:\n\n{listed}"


def _scores(record: Record) -> str:
    if not record.scores:
        return "None: the run was scored on no file."
    return (
        f"{score_table(record)}\n\nEntity level, by exact span and label, in fractions of 1. Macro F1 is the mean over "
        "the classes that occur in gold; in brackets its 95 % bootstrap interval over sentences. Seen and unseen: "
        "recall on the mentions that the training file holds, and on the others."
    )


def _classes(record: Record, taxonomy: Taxonomy) -> list[str]:
    part = first_part(record)
    return [] if part is None else [f"## Classes ({part})\n\n{class_table(record, taxonomy, part)}"]


def _training(record: Record) -> str:
    seconds, size, where = record.time.get("train_seconds"), record.size, record.machine
    told = [f"Kind `{record.kind}`, seed {record.seed}"]
    if isinstance(seconds, int | float):
        told.append(f"{seconds / 60:.0f} minutes on {where.get('processor')}, threads: {where.get('threads')}")
    if best := record.training.get("best_epoch"):
        told.append(f"best of {len(record.history)} epochs by macro F1 on dev: {best}")
    if size.get("parameters"):
        told.append(f"{size['parameters']:,} parameters")
    if count := size.get("bytes"):
        told.append(f"{count / 1e6:.1f} MB")
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return f"{'; '.join(told)}.\n\n{settings_table(record)}\n\nVersions: {versions}."


def _data(record: Record, told: Told) -> str:
    named = "".join(f" `{name}`" for name in told.datasets)
    source = f"Data sets, as the maker tells:{named}." if named else "The record does not say where the files are from."
    return f"{data_table(record)}\n\n{source}"


def _use(record: Record, told: Told) -> str:
    place = f"hf://{told.repo}" if told.repo else "FOLDER"
    extra = EXTRAS.get(record.kind, "hub")
    return "\n".join(
        [
            "```python",
            f"import coner  # pip install 'coner[{extra}]'",
            f'tagger = coner.load("{place}")',
            'print(tagger.tag([coner.sentence_from_text("she moved from são paulo to basel")]))',
            "```",
            "",
            "```console",
            f"$ coner tag {place} input.conll -o output.conll",
            "```",
        ]
    )
