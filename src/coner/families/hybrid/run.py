"""A hybrid of two trained models, from their folders to a record: a run like any other, but for the training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.files import make_folder, sha256
from coner.core.progress import Log
from coner.data.splits import Split, describe, read_named_splits, seen_in
from coner.families import load
from coner.families.asking import KINDS, LEDGER
from coner.families.hybrid.settings import HybridExperiment, HybridSettings
from coner.families.hybrid.tagger import HybridTagger
from coner.families.llm.run import score_parts, settings_of_answers
from coner.families.llm.settings import Budget
from coner.families.llm.tagger import LlmTagger
from coner.families.manifest import CARD, read_model
from coner.records import machine
from coner.records.record import Record, write_record
from coner.records.recording import make_record
from coner.runs.evaluate import Judge, clear, earlier_record
from coner.runs.train import LOG


def run_hybrid(
    settings: HybridExperiment,
    folder: Path,
    *,
    budget: Budget | None = None,
    ledger: Path | None = None,
    overwrite: bool = False,
) -> Record:
    """Join two models in ``folder``, which becomes a model folder with both in it, and score it on the named files.

    Args:
        settings: the models, and what they are judged on.
        folder: of the run; made where it does not exist.
        budget: for all calls.
        ledger: file of answers; by default in the folder.
        overwrite: throw away what an earlier run wrote into the folder.

    Raises:
        ConfigError: the second is no language model, taxonomies differ, or the folder belongs to another run.
        DataError: a file is faulty.
        ModelError: a model is missing or damaged.
    """
    tagger = _tagger(settings.hybrid, folder)
    parts = read_named_splits(settings.data, tagger.taxonomy)
    fingerprint = _fingerprint(settings.hybrid, tagger.llm, parts)
    record = earlier_record(folder, fingerprint, parts, overwrite=overwrite)
    tagger.allow(budget or Budget(), ledger or folder / LEDGER)
    make_folder(folder)
    with Log(folder / LOG, overwrite=overwrite) as log:
        one, two = settings.hybrid.first.name, settings.hybrid.llm.name
        log(f"{one}, and {two} for the labels of what is below {settings.hybrid.below:g}: {describe(parts)}")
        if overwrite:
            clear(folder)
        tagger.save(folder)
        if record is None:
            facts: dict[str, Any] = {"fingerprint": fingerprint, "commit": machine.commit()}
            known = {name: part for name, part in parts.items() if name == "train"}
            record = make_record(settings, parts=known, tagged={}, folder=folder, facts=facts)
        judge = Judge(tagger, tagger.taxonomy, seen=seen_in(parts), folder=folder)
        record = score_parts(record, parts, judge, log)
        write_record(record, folder)
    return record


def _tagger(settings: HybridSettings, folder: Path) -> HybridTagger:
    out = folder.resolve()
    for member in (settings.first, settings.llm):
        if member.resolve().is_relative_to(out):
            raise ConfigError(f"{member}: lies in {folder}, which is to be written; give another --out")
    first, llm = load(settings.first), load(settings.llm)
    if not isinstance(llm, LlmTagger):
        raise ConfigError(
            f"{settings.llm}: is of kind {llm.kind}; expected a prompted language model (llm) as the second model"
        )
    if first.kind in KINDS:
        raise ConfigError(f"{settings.first}: is of kind {first.kind}, whose mentions have no confidence of their own")
    folders = (settings.first, settings.llm)
    return HybridTagger(first, llm, folders=folders, below=settings.below, candidates=settings.candidates)


def _fingerprint(settings: HybridSettings, llm: LlmTagger, parts: dict[str, Split]) -> str:
    """What the tagger is a function of, as one hash; ``model.json`` has the hashes of the weights.

    Of the language model's only what its answers hang on, as it may move to another endpoint.
    """
    values = {
        "first": sha256(settings.first / CARD),
        "llm": settings_of_answers(llm.settings),
        "taxonomy": llm.taxonomy.as_dict(),
        "files": read_model(settings.llm)["files"],
        "below": settings.below,
        "candidates": settings.candidates,
        "train": parts["train"].sha256 if "train" in parts else None,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
