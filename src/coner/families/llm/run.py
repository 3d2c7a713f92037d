"""A prompted language model, from its config to a record: a run like any other, but that nothing is fitted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, DataError
from coner.core.files import make_folder
from coner.core.progress import Log
from coner.data import read
from coner.data.splits import Split, describe, read_named_splits, seen_in, take
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy, load_taxonomy
from coner.families.asking import LEDGER
from coner.families.llm.prompts.examples import Examples
from coner.families.llm.settings import Budget, ExampleSettings, LlmExperiment
from coner.families.llm.tagger import LlmTagger
from coner.records import machine
from coner.records.record import Record, write_record
from coner.records.recording import add_part, make_record
from coner.runs.evaluate import Judge, clear, earlier_record, headline
from coner.runs.train import LOG

PAID = ("calls", "retries", "prompt_tokens", "completion_tokens", "cost", "seconds")
PLACE = {"base_url", "key_env", "timeout", "concurrency", "requests_per_minute", "tokens_per_minute", "max_retries"}


def run_llm(
    settings: LlmExperiment,
    folder: Path,
    *,
    budget: Budget | None = None,
    ledger: Path | None = None,
    overwrite: bool = False,
) -> Record:
    """Choose the examples, write the model folder, and score it on the files that are named; no other call is made.

    What has no answer is left out and told; the same command asks for it again, and the ledger gives the rest.

    Args:
        settings: without ``data.train`` there are no examples, and ``data.taxonomy`` says the labels.
        folder: of the run; made where it does not exist.
        budget: for all calls.
        ledger: file of answers; by default in the folder, where it outlives ``overwrite``.
        overwrite: throw away what an earlier run wrote into the folder.

    Raises:
        ConfigError: there is neither a training file nor a taxonomy, or the folder belongs to another run.
        DataError: a file is faulty.
        Unanswered: a part has not one answer; the model is there.
    """
    settings, taxonomy = _with_examples(settings), _taxonomy(settings)
    parts = _parts(settings, taxonomy)
    fingerprint = _fingerprint(settings, parts, taxonomy)
    record = earlier_record(folder, fingerprint, parts, overwrite=overwrite)
    train = parts["train"].sentences if "train" in parts else ()
    examples = Examples.fit(train, settings.examples, seed=settings.seed, taxonomy=taxonomy)
    tagger = LlmTagger(settings, examples, taxonomy=taxonomy, ledger=folder / LEDGER)
    tagger.allow(budget or Budget(), ledger)
    make_folder(folder)
    with Log(folder / LOG, overwrite=overwrite) as log:
        what = describe(parts) or "no files"
        log(f"{settings.name}: {what}; taxonomy {taxonomy.name}, {len(taxonomy.labels)} classes")
        if overwrite:
            clear(folder)
        tagger.save(folder)  # also over a finished run: the endpoint may have moved
        judge = Judge(tagger, taxonomy, seen=seen_in(parts), folder=folder)
        if record is None:
            facts: dict[str, Any] = {"fingerprint": fingerprint, "commit": machine.commit()}
            known = {name: part for name, part in parts.items() if name == "train"}
            record = make_record(settings, parts=known, tagged={}, folder=folder, facts=facts)
            # Its folder holds no model: the smallest of a comparison would be the largest in truth.
            record = record.model_copy(update={"size": {"parameters": None, "bytes": None}})
        record = score_parts(record, parts, judge, log)
        write_record(record, folder)
    return record


def score_parts(record: Record, parts: dict[str, Split], judge: Judge, log: Log) -> Record:
    """The record with the parts that it does not tell of yet, or not wholly; written after each.

    Raises:
        Unanswered: a part has not one answer.
    """
    for name in (name for name in parts if name != "train"):
        earlier = (record.llm or {}).get(name, {})
        if name in record.scores and not earlier.get("unanswered"):
            continue
        tagged = judge(name, parts[name])
        record = add_part(record, name, parts[name], replace(tagged, llm=_added(tagged.llm or {}, earlier)))
        write_record(record, judge.folder)
        log(headline(record, name))
    return record


def settings_of_answers(settings: LlmExperiment) -> dict[str, Any]:
    """What the answers hang on: not where the endpoint is, nor how fast it is asked."""
    apart: dict[str, Any] = {"name": True, "data": True, "llm": {*PLACE, "prices"}}
    return settings.model_dump(mode="json", exclude=apart)


def _added(told: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """What a part took, with what an earlier start spent on it."""
    return {**told, **{name: told[name] + earlier[name] for name in PAID if name in told and name in earlier}}


def _with_examples(settings: LlmExperiment) -> LlmExperiment:
    """Without a training file no examples can be chosen."""
    if settings.data.train is not None:
        return settings
    return settings.model_copy(update={"examples": ExampleSettings(choice="none")})


def _taxonomy(settings: LlmExperiment) -> Taxonomy:
    data = settings.data
    if data.train is not None:
        train = read(data.train, scheme=data.scheme, repair=data.repair, gold=True)
        if not train.labels:
            raise DataError("holds no mention; expected labelled sentences, for examples", data.train)
        return choose_taxonomy(data.taxonomy, train.labels)
    if data.taxonomy == AUTO:
        raise ConfigError(
            "data.taxonomy: auto, and no data.train to know the labels by; name a taxonomy (such as multiconer2, or a "
            "TOML file) for zero-shot, or a training file"
        )
    return load_taxonomy(data.taxonomy)


def _parts(settings: LlmExperiment, taxonomy: Taxonomy) -> dict[str, Split]:
    parts = read_named_splits(settings.data, taxonomy)
    if "train" in parts and 0 < settings.data.take < len(parts["train"].corpus):
        parts["train"] = take(parts["train"], settings.data.take)
    return parts


def _fingerprint(settings: LlmExperiment, parts: dict[str, Split], taxonomy: Taxonomy) -> str:
    """What the answers are a function of, as one hash."""
    values = settings_of_answers(settings)
    values["taxonomy"] = taxonomy.as_dict()
    values["train"] = parts["train"].sha256 if "train" in parts else None
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
