"""A model card from the record of a run and the author's metadata: front matter for the hub, then Markdown.

It states nothing that is not in these two sources, and names what was not measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coner.core.counted import counted
from coner.data.split import noisy_split
from coner.data.taxonomy import Taxonomy
from coner.evaluation.metrics import shown_in
from coner.families.operating_point import OperatingPoint
from coner.records.record import Record
from coner.report.card_tables import class_table, data_table, family_of, plain_text, score_table, settings_table
from coner.report.threshold import card_section

TASK = "token-classification"
EXPORTED = {"micro_f1": "micro F1", "macro_f1": "macro F1"}
WEAK = 0.5  # classes with a lower F1 are listed as weak
FEW = 30  # mentions: a score on fewer is unreliable


@dataclass(frozen=True)
class CardMetadata:
    """What records do not contain; all optional."""

    repo: str | None = None  # user/name on the hub
    license: str | None = None  # as the hub spells it, such as apache-2.0
    languages: Sequence[str] = ()  # codes, such as en
    datasets: Sequence[str] = ()  # of the hub, such as user/name
    operating_point: OperatingPoint | None = None  # of the model
    package: str | None = None  # name of the Python package that carries the model


def model_card(record: Record, taxonomy: Taxonomy, metadata: CardMetadata | None = None) -> str:
    """Return the whole README.md; ``taxonomy`` is that of the labels of the run."""
    metadata = metadata or CardMetadata()
    name = metadata.package or (metadata.repo or "").partition("/")[2] or record.name or record.kind
    front = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in _front(record, metadata, name).items()]
    split = _first_split(record)
    named = "".join(f" `{name}`" for name in metadata.datasets)
    source = f"Data sets, according to the author:{named}." if named else "The source of the files is not recorded."
    sections = {
        f"# {plain_text(name)}": _about(record, taxonomy),
        "## Scores": _scores(record),
        f"## Classes ({split})": class_table(record, taxonomy, split) if split else "",
        "## Confidences and thresholds": card_section(metadata.operating_point),
        "## Training": _training(record),
        "## Data": f"{data_table(record)}\n\n{source}",
        "## Limitations": "\n".join(f"- {limit}" for limit in _limits(record, taxonomy)),
        "## Use": _use(record, metadata),
    }
    text = "\n\n".join(f"{title}\n\n{content}" for title, content in sections.items() if content)
    return "\n".join(["---", *front, "---", "", text, ""])


def _first_split(record: Record) -> str | None:
    """The split with the most meaningful scores: test before dev; ``None`` where there is none."""
    return next((split for split in ("test", "dev", *record.scores) if split in record.scores), None)


def _front(record: Record, metadata: CardMetadata, name: str) -> dict[str, Any]:
    """The front matter; each value is JSON, which is YAML too."""
    encoder = record.settings.get("encoder", {}).get("name", "")
    values = {
        "license": metadata.license,
        "language": list(metadata.languages),
        "datasets": list(metadata.datasets),
        # Only a name on the hub: records keep only the last part of a path.
        "base_model": encoder if encoder.count("/") == 1 else None,
        "library_name": "coner",
        "pipeline_tag": TASK,
        "tags": ["coner", "named-entity-recognition", TASK, record.kind],
        "metrics": ["f1", "precision", "recall"],
        "model-index": [{"name": name, "results": [_result(record, split, metadata) for split in record.scores]}],
    }
    return {key: value for key, value in values.items() if value}


def _result(record: Record, split: str, metadata: CardMetadata) -> dict[str, Any]:
    """The scores on one split in the hub's form."""
    scores, data = record.scores[split], record.data[split]
    metrics = [
        {"type": metric.hub_type, "name": title, "value": round(value, 4)}
        for title, metric in shown_in("hub").items()
        if (value := metric.read(scores)) is not None
    ]
    identity = metadata.datasets[0] if len(metadata.datasets) == 1 else data.file
    return {
        "task": {"type": TASK, "name": "Named entity recognition"},
        "dataset": {"name": data.file, "type": identity, "split": split, "args": {"sha256": data.sha256}},
        "metrics": metrics,
    }


def _about(record: Record, taxonomy: Taxonomy) -> str:
    groups = {plain_text(group): ", ".join(map(plain_text, classes)) for group, classes in taxonomy.groups.items()}
    lines = [f"- {group}: {classes}" for group, classes in groups.items() if classes != group]
    if alone := [group for group, classes in groups.items() if classes == group]:
        lines.append(f"- {', '.join(alone)}")
    known = family_of(record)
    kind = known.description if known else "A tagger"
    count = f"It predicts {counted(len(taxonomy.labels), 'class', 'classes')} ({plain_text(taxonomy.name)})"
    return "\n".join([f"{kind}, for named entity recognition. Made with `coner`.\n\n{count}:\n", *lines])


def _scores(record: Record) -> str:
    if not record.scores:
        return "None: the run was not evaluated."
    return (
        f"{score_table(record)}\n\n{_export(record)}By entity: exact span and label, in fractions of 1; in brackets "
        "95 % bootstrap intervals over sentences. Macro F1 is the mean over the classes that occur in gold. Seen and "
        "unseen: recall on the mentions that occur in the training file, and on the others."
    )


def _export(record: Record) -> str:
    """Scores before and after the export; empty for any other model."""
    try:
        export = record.training["export"]
        f1 = {title: (float(export["after"][key]), float(export["before"][key])) for key, title in EXPORTED.items()}
        file = plain_text(str(export["file"]))
    except (KeyError, TypeError, ValueError):
        return ""
    changes = ", ".join(f"{title} {after:.4f} ({before:.4f} before)" for title, (after, before) in f1.items())
    return f"These are scores before the export. After it, on {file}: {changes}.\n\n"


def _training(record: Record) -> str:
    seconds, size, machine = record.time.train_seconds, record.size, record.machine
    facts = [f"Kind `{record.kind}`, seed {record.seed}"]
    if seconds is not None:
        facts.append(f"{seconds / 60:.0f} minutes on {machine.processor}, threads: {machine.threads}")
    if best := record.training.get("best_epoch"):
        facts.append(f"best of {counted(len(record.history), 'epoch')} by macro F1 on dev: {best}")
    teacher = record.training.get("teacher")
    if isinstance(teacher, dict):
        name, hash = (plain_text(str(teacher.get(key, "unknown"))) for key in ("model", "sha256"))
        facts.append(f"trained on the output of {name} (sha256 of its weights: {hash})")
    if size.parameters:
        facts.append(f"{size.parameters:,} parameters")
    if size.bytes:
        facts.append(f"{size.bytes / 1e6:.1f} MB")
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return f"{'; '.join(facts)}.\n\n{settings_table(record)}\n\nVersions: {versions}."


def _limits(record: Record, taxonomy: Taxonomy) -> Iterator[str]:
    """Limitations, the most serious first: figures of the record, or what was not measured."""
    split = _first_split(record)
    if split is None:
        yield "Not measured: the run was not evaluated."
        return
    if record.oracle:
        splits = ", ".join(record.oracle)
        yield f"An oracle: its knowledge base knew gold mentions of {splits}; the scores are not comparable."
    scores, noisy = record.scores[split], record.scores.get(noisy_split(split))
    known = {label: result for label, result in scores.fine.classes.items() if result.support}
    if weak := sorted((result.f1, label) for label, result in known.items() if result.f1 < WEAK):
        named = ", ".join(f"{plain_text(label)} ({f1:.2f})" for f1, label in weak)
        yield f"Weak classes, with F1 below {WEAK} on {split}: {named}."
    if few := sorted((r.support, label) for label, r in known.items() if r.support < FEW):
        named = ", ".join(f"{plain_text(label)} ({support})" for support, label in few)
        yield f"Unreliable scores, with fewer than {FEW} mentions in {split}: {named}."
    if absent := [label for label in taxonomy.labels if label not in known]:
        yield f"Not measured, as {split} has no mention of them: {', '.join(map(plain_text, absent))}."
    seen, unseen = scores.seen, scores.unseen
    if seen and unseen and unseen.support and unseen.recall < seen.recall:
        yield f"Names not seen in training: recall {unseen.recall:.3f}, and {seen.recall:.3f} on the others ({split})."
    if noisy:
        after, before = noisy.fine.macro_f1, scores.fine.macro_f1
        yield f"Text with typos: macro F1 {after:.3f} on a noisy copy of {split}, {before:.3f} on the clean text."
    else:
        yield "Text with typos: not measured."
    if "test" not in record.scores:
        yield "There is no test file: choices may have been made on dev, so its scores are optimistic."
    yield "Other languages, domains and spelling than those of the files above: not measured."


def _use(record: Record, metadata: CardMetadata) -> str:
    place = metadata.package or (f"hf://{metadata.repo}" if metadata.repo else "FOLDER")
    known = family_of(record)
    extra = f"{known.extra}," if known and known.extra else ""
    install = f"pip install {place}" if metadata.package else f"pip install 'coner[{extra}hub]'"
    return f"""```python
import coner  # {install}
tagger = coner.load("{place}")
print(tagger.tag([coner.sentence_from_text("she moved from são paulo to basel")]))
```

```console
$ coner tag {place} input.conll -o output.conll
```"""
