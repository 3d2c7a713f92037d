"""The audit of one file: settings, folds, evidence and candidates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coner.config.experiment import Experiment
from coner.config.load import override
from coner.core.errors import ConfigError, DataError
from coner.core.files import atomic_write
from coner.core.progress import Log
from coner.core.types import Entity
from coner.data import Corpus, read
from coner.data.formats.labelstudio import to_task
from coner.data.splits import read_options
from coner.families.registry import family, kinds
from coner.families.settings import parse_data, parse_trainable
from coner.runs.audit.candidates import KINDS, AuditCandidate, find_candidates
from coner.runs.audit.evidence import Evidence
from coner.runs.audit.folds import collect, make_plan, unlearned
from coner.runs.train import OF_FILES

SOURCE = "coner audit"  # in messages


@dataclass(frozen=True)
class Audit:
    """The result of the audit of a file."""

    corpus: Corpus  # of the sentences with a word
    evidence: Sequence[Evidence]  # on each of them
    candidates: Sequence[AuditCandidate]  # the most suspicious first
    left_out: int  # mentions of classes that no other fold has, about which nothing is known
    kind: str  # of the taggers
    folds: int

    @property
    def suspicious(self) -> list[AuditCandidate]:
        """The candidates whose error is more probable than the annotation."""
        return [candidate for candidate in self.candidates if candidate.suspicious]

    @property
    def counts(self) -> dict[str, int]:
        """The number of suspicious candidates of each kind."""
        counts = Counter(candidate.error for candidate in self.suspicious)
        return {error: counts[error] for error in KINDS}

    @property
    def mentions(self) -> int:
        """Number of gold mentions."""
        return sum(len(sentence.entities or ()) for sentence in self.corpus)

    def line(self, sentence: int, word: int) -> int:
        """The line of a word in the file, if each word has a line, else that of the sentence."""
        found = self.corpus[sentence]
        return found.line + (len(found.header) + word if self.corpus.layout is not None else 0)

    def as_dict(self) -> dict[str, Any]:
        """Everything that was found, as JSON values; words are counted from 0, ends are exclusive."""
        sizes = {"file": str(self.corpus.path), "sentences": len(self.corpus), "mentions": self.mentions}
        facts = {"family": self.kind, "folds": self.folds, "left_out": self.left_out, "suspicious": self.counts}
        return {**sizes, **facts, "candidates": [self._plain(candidate) for candidate in self.candidates]}

    def _plain(self, candidate: AuditCandidate) -> dict[str, Any]:
        sentence, (start, end) = self.corpus[candidate.sentence], candidate.span
        return {
            "line": self.line(candidate.sentence, start),
            "kind": candidate.error,
            "score": round(candidate.score, 6),
            "suspicious": candidate.suspicious,
            "words": list(sentence.words[start:end]),
            "gold": _entity(candidate.gold),
            "suggested": _entity(candidate.suggested, scored=True),
            "sentence": candidate.sentence,
            "id": sentence.id,
        }


def audit_settings(corpus: Corpus, values: Mapping[str, Any], name: str) -> Experiment:
    """The settings of the trainings: those that are set, else quick ones of the family.

    ``ConfigError`` if a setting is wrong or has no meaning here, or the family has no probabilities of spans.
    """
    having = kinds(trains=True, has_chain=True)
    if name not in having:
        raise ConfigError(f"--family: got {name!r}; expected {' or '.join(having)}, which have probabilities of spans")
    quick = family(name).quick(values, corpus)
    settings = parse_trainable(override({**quick, "kind": name, "name": "audit"}, values), SOURCE)
    for key in OF_FILES:
        if getattr(settings.data, key):
            raise ConfigError(f"data.{key}: got a value; expected none, since each fold trains on the other folds only")
    return settings


def audit_file(
    data: Path, values: Mapping[str, Any], *, kind: str = "crf", folds: int = 5, work: Path, log: Log
) -> Audit:
    """``audit`` a labelled file.

    Args:
        data: file or folder.
        values: settings as in a config, which change those of the trainings and say how the file is read.
        kind: family of the taggers; one that has probabilities of spans.
        folds: number of trainings.
        work: folder that keeps the folds.
        log: of the progress.

    Raises:
        ConfigError: a setting is wrong, or has no meaning here.
        DataError, OutputError: as ``audit``; or the file is faulty.
    """
    corpus = read(data, **read_options(parse_data(values, SOURCE)), gold=True)
    settings = audit_settings(corpus, values, kind)
    log(f"family {settings.kind}, trained {folds} times; others: --family")
    for note in corpus.notes:
        log(f"{data}: {note}")
    return audit(corpus, settings, folds=folds, work=work, log=log)


def audit(corpus: Corpus, settings: Experiment, *, folds: int, work: Path, log: Log) -> Audit:
    """Find what is suspicious in labelled sentences; ``work`` keeps the folds, so that a killed audit resumes.

    Raises:
        DataError: there is no mention, or there are fewer different sentences than folds.
        OutputError: the folder ``work`` is not that of an audit, or another process is using it.
    """
    if not corpus.labels:
        raise DataError("got no mention; expected labelled sentences to audit", corpus.path)
    sentences = tuple(sentence for sentence in corpus if sentence.words)
    plan = make_plan(sentences, settings, folds=folds)
    evidence = collect(plan, work, log)
    unknown = unlearned(plan)
    found = find_candidates(sentences, evidence)
    kept = [c for c in found if c.gold is None or (c.sentence, c.gold.label) not in unknown]
    audited = Corpus(sentences, corpus.path, corpus.layout)
    return Audit(audited, evidence, kept, len(found) - len(kept), settings.kind, folds)


def write_tasks(audit: Audit, candidates: Sequence[AuditCandidate], path: Path) -> int:
    """Write their sentences as Label Studio tasks, and return how many; the first candidate's comes first.

    The annotation of a task is gold, its prediction that of the fold. ``OutputError`` if the file cannot be written.
    """
    numbers = list(dict.fromkeys(candidate.sentence for candidate in candidates))
    tasks = []
    for number in numbers:
        sentence = audit.corpus[number]
        predicted = to_task(replace(sentence, entities=audit.evidence[number].predicted), predicted=True)
        tasks.append({**to_task(sentence), "predictions": predicted["predictions"]})
    with atomic_write(path) as handle:
        handle.write("[" + ",".join("\n" + json.dumps(task, ensure_ascii=False) for task in tasks) + "\n]\n")
    return len(numbers)


def _entity(entity: Entity | None, *, scored: bool = False) -> dict[str, Any] | None:
    if entity is None:
        return None
    values = {"start": entity.start, "end": entity.end, "label": entity.label}
    return {**values, "probability": round(entity.score, 6)} if scored else values
