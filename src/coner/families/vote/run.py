"""A vote of trained models, from their folders to a record: a run like any other, but for the training."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.files import make_folder, sha256
from coner.core.progress import Log
from coner.data import Corpus
from coner.data.splits import Split, describe, read_named_splits, seen_in
from coner.data.taxonomy import Taxonomy
from coner.decoding.select import select_spans
from coner.evaluation.score import score_sentences
from coner.families import load
from coner.families.manifest import CARD, read_model
from coner.families.vote.settings import VoteExperiment, VoteMember, VoteSettings
from coner.families.vote.tagger import Member, VoteTagger
from coner.hub import model_name
from coner.records import machine
from coner.records.record import RECORD, Record, write_record
from coner.records.recording import make_record
from coner.runs.evaluate import Judge, clear, headline, refuse_unfinished
from coner.runs.train import LOG, finished


@dataclass(frozen=True, slots=True)
class Trial:
    """What one threshold reached on the validation file, in fractions of 1."""

    threshold: float
    macro_f1: float
    micro_f1: float


def members_of(folders: Sequence[Path], weights: Sequence[float] = ()) -> tuple[VoteMember, ...]:
    """Model folders as members of a vote.

    Args:
        folders: of trained models, each once.
        weights: one a folder; none: all alike.

    Raises:
        ConfigError: a folder is named twice, or there are not as many weights as folders, or one is not above 0.
        ModelError: a folder holds no model, or a damaged one.
    """
    if weights and len(weights) != len(folders):
        raise ConfigError(f"{len(weights)} weights for {len(folders)} models; expected one each, in the same order")
    for weight in weights:
        if not 0 < weight < math.inf:
            raise ConfigError(f"weight {weight:g}: expected a number above 0; leave a model out in place of 0")
    places = [folder.resolve() for folder in folders]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ConfigError(f"{folders[number]}: named twice; expected each model once: a weight says what it counts")
    found = []
    for place, weight in zip(places, weights or [1.0] * len(places), strict=True):
        card = read_model(place)
        settings = card.get("settings")
        seed = settings.get("seed") if isinstance(settings, dict) else None
        found.append(VoteMember(folder=place, kind=card["kind"], seed=seed, weight=weight))
    return tuple(found)


def run_vote(settings: VoteExperiment, folder: Path, *, overwrite: bool = False) -> Record:
    """Let models vote, in ``folder``, which becomes a model folder with them in it, and record what came of it.

    A finished vote is not done again; a test file that is named later is scored then.

    Args:
        settings: members, and what they are judged on; ``data.train`` is only needed to tell seen from unseen mentions.
        folder: of the run; made where it does not exist.
        overwrite: throw away what an earlier run wrote into the folder.

    Raises:
        ConfigError: taxonomies differ, a member asks an endpoint, a validation file is wanted and not named, or the
            folder belongs to another run.
        DataError: a file is faulty.
        ModelError: a member is missing or damaged.
    """
    vote, out = settings.vote, folder.resolve()
    if vote.threshold == "auto" and settings.data.dev is None:
        raise ConfigError("vote.threshold: auto needs a validation file to choose on; name one with --dev, or a number")
    for member in vote.members:
        if member.folder.is_relative_to(out):
            raise ConfigError(f"{member.folder}: lies in {folder}, which is to be written; give another --out")
    members = [Member(model_name(m.folder), m.folder, load(m.folder), m.weight) for m in vote.members]
    tagger = VoteTagger(members, threshold=0.5 if vote.threshold == "auto" else vote.threshold)
    parts = read_named_splits(settings.data, tagger.taxonomy)
    fingerprint = _fingerprint(vote, parts, tagger.taxonomy)
    if not overwrite and (folder / RECORD).exists():
        return finished(settings, folder, fingerprint, parts, tagger.taxonomy)
    if not overwrite:
        refuse_unfinished(folder)
    make_folder(folder)
    with Log(folder / LOG, overwrite=overwrite) as log:
        for member in vote.members:
            log(f"{model_name(member.folder)}: {member.kind}, seed {member.seed}, weight {member.weight:g}")
        if parts:
            log(describe(parts))
        if overwrite:
            clear(folder)
        trials = _choose_threshold(tagger, parts["dev"].corpus, vote) if vote.threshold == "auto" else []
        for trial in trials:
            log(f"threshold {trial.threshold:g}  dev micro {trial.micro_f1:.4f}  macro {trial.macro_f1:.4f}")
        log(f"threshold {tagger.threshold:g}")
        tagger.save(folder)
        facts: dict[str, Any] = {
            "fingerprint": fingerprint,
            "commit": machine.commit(),
            "threshold": tagger.threshold,
            "trials": [asdict(trial) for trial in trials],
        }
        judge = Judge(tagger, tagger.taxonomy, seen=seen_in(parts), folder=folder)
        tagged = {name: judge(name, part) for name, part in parts.items() if name != "train"}
        record = make_record(settings, parts=parts, tagged=tagged, folder=folder, facts=facts)
        write_record(record, folder)
        for name in tagged:
            log(headline(record, name))
    return record


def _fingerprint(vote: VoteSettings, parts: dict[str, Split], taxonomy: Taxonomy) -> str:
    """What the tagger and its scores are a function of, as one hash; ``model.json`` has the hashes of the weights."""
    values = {
        "members": sorted((sha256(member.folder / CARD), member.weight) for member in vote.members),
        "threshold": vote.threshold,
        "thresholds": vote.thresholds if vote.threshold == "auto" else None,
        "taxonomy": taxonomy.as_dict(),
        "sha256": {name: part.sha256 for name, part in parts.items() if name != "test"},
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _choose_threshold(tagger: VoteTagger, dev: Corpus, vote: VoteSettings) -> list[Trial]:
    """Give the tagger the threshold with the best macro F1 on the validation file, the first of equals."""
    votes = tagger.votes(dev)
    trials = []
    for threshold in vote.thresholds:
        scores = score_sentences(dev, [select_spans(spans, threshold) for spans in votes]).fine
        trials.append(Trial(threshold, scores.macro_f1, scores.micro_f1))
    tagger.threshold = max(trials, key=lambda trial: trial.macro_f1).threshold
    return trials
