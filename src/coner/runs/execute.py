"""One run of any family: read the splits, fingerprint, resume or refuse, build, evaluate, record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from coner.core import processes
from coner.core.errors import ConfigError
from coner.core.locks import lock_folder
from coner.core.progress import Log
from coner.data.split import ALL_SPLITS, Split, noisy_split
from coner.data.splits import Inputs, SplitCache
from coner.evaluation.own_labels import is_own, scores_by_source
from coner.families import Tagger, load
from coner.families.family import Place
from coner.families.knowledge_use import EMBEDDED
from coner.families.manifest import remove_model
from coner.families.recipe import Recipe
from coner.records import machine
from coner.records.plain import plain
from coner.records.record import RECORD, Record, read_record, write_record
from coner.records.recording import Evaluated, add_split, make_record
from coner.records.tagged import tagged_path, write_tagged
from coner.runs.by_coverage import all_scores, knowledge_of
from coner.tagging.stream import tag_all

LOG = "log.txt"
CHECKPOINT = "checkpoint.safetensors"  # of a family that saves its progress
PAID = ("calls", "retries", "prompt_tokens", "completion_tokens", "cost", "seconds")  # summed over all starts


def execute(
    recipe: Recipe,
    folder: Path,
    *,
    overwrite: bool = False,
    cache: SplitCache | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> Record:
    """Build the tagger of a recipe in ``folder``, evaluate it on the other splits, and record everything.

    A finished run is not repeated; splits that it was not evaluated on yet are added. Of several processes that train
    one tagger only the first calls this; the others call ``assist``.

    Args:
        recipe: what to build.
        folder: of the run; created if it is missing. It becomes a model folder.
        overwrite: delete what an earlier run wrote into the folder.
        cache: shared with other runs of this process.
        on_epoch: see ``Place``.

    Raises:
        ConfigError: a required file is not named, or the folder belongs to another run.
        FolderInUse: another process writes into the folder.
        Unanswered: no sentence of a split has an answer of the endpoint; what was built is kept.
    """
    cache = cache or SplitCache()
    inputs = recipe.read(cache)
    fingerprint = recipe.fingerprint(inputs)

    def earlier() -> Record | None:
        return None if overwrite else earlier_record(recipe, folder, fingerprint, inputs.splits)

    if (record := earlier()) is not None:
        if processes.count() > 1:
            recipe.family.release(recipe.settings)
        if not recipe.rebuild and not pending(record, inputs.splits):
            return record
    with lock_folder(folder), Log(folder / LOG, overwrite=overwrite) as log:
        record = earlier()  # another process may have finished it meanwhile
        if record is None or recipe.rebuild:
            for line in [recipe.describe(inputs), *recipe.notes(inputs)]:
                log(line)
            place = Place(folder=folder, fingerprint=fingerprint, log=log, pieces=cache.pieces, on_epoch=on_epoch)
            if overwrite:
                place = replace(place, claim=partial(clear, folder))
            tagger, facts = _build(recipe, inputs, place, cache)
            train = {"train": inputs.train} if inputs.train else {}
            record = record or make_record(recipe.settings, splits=train, folder=folder, facts=facts)
        else:
            tagger = load(folder, kb=recipe.kb)
        tagger.operating_point = None  # a record has the scores of the tagger as it was trained
        record = _evaluate(tagger, _with_added_splits(recipe, record, inputs), inputs, folder, log)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def assist(recipe: Recipe, folder: Path) -> None:
    """Train together with the process that calls ``execute`` with this recipe; nothing is written.

    Raises:
        ConfigError, DataError: as ``execute``; or the first process has other settings, data or encoder files.
        Unfinished: another process has ended.
    """
    inputs = recipe.read(SplitCache())
    with Log() as log:
        recipe.build(inputs, Place(folder=folder, fingerprint=recipe.fingerprint(inputs), log=log))


def _build(recipe: Recipe, inputs: Inputs, place: Place, cache: SplitCache) -> tuple[Tagger, dict[str, Any]]:
    began, commit = time.monotonic(), machine.commit()  # before a long run, during which the checkout may change
    built = recipe.build(inputs, place)
    facts: dict[str, Any] = {"fingerprint": place.fingerprint, "commit": commit}
    if (knowledge := recipe.knowledge(inputs)) is not None:
        facts["knowledge"] = knowledge.facts()
    if recipe.family.trains:
        facts["train_seconds"] = time.monotonic() - began
    if cache.runs:
        facts["peak_rss_bytes"] = None  # the system reports only that of the whole process
    cache.runs += recipe.family.trains
    return built.tagger, {**facts, **built.facts}


def _with_added_splits(recipe: Recipe, record: Record, inputs: Inputs) -> Record:
    """The record of a run to which splits are added: with their noise, and what the knowledge base knows of them."""
    settings, training = record.settings, record.training
    if noisy_split("dev") in pending(record, inputs.splits):
        noise = plain(recipe.settings.data.noise.model_dump())
        settings = {**settings, "data": {**settings["data"], "noise": noise}}
    if (knowledge := recipe.knowledge(inputs)) is not None:
        earlier, now = training.get("knowledge") or {}, knowledge.facts()
        oracle = {**earlier.get("oracle", {}), **now.get("oracle", {})}
        training = {**training, "knowledge": {**now, "oracle": oracle} if oracle else now}
    return record.model_copy(update={"settings": settings, "training": training})


def _evaluate(tagger: Tagger, record: Record, inputs: Inputs, folder: Path, log: Log) -> Record:
    write_record(record, folder)
    for name in pending(record, inputs.splits):
        evaluated = _evaluate_split(tagger, name, inputs, folder)
        if evaluated.llm is not None and (earlier := record.llm.get(name)) is not None:
            paid = {name: evaluated.llm[name] + getattr(earlier, name) for name in PAID if name in evaluated.llm}
            evaluated = replace(evaluated, llm={**evaluated.llm, **paid})
        record = add_split(record, name, inputs.splits[name], evaluated)
        write_record(record, folder)
        fine = record.scores[name].fine
        log(f"{name}: micro F1 {fine.micro_f1:.4f}, macro F1 {fine.macro_f1:.4f}")
        for source in evaluated.scores.own or ():
            log(f"{name}: {source}")
    return record


def _evaluate_split(tagger: Tagger, name: str, inputs: Inputs, folder: Path) -> Evaluated:
    corpus, train = inputs.splits[name].corpus, inputs.train.sentences if inputs.train else None
    began = time.monotonic()
    predictions, tally = tag_all(tagger, corpus, f"tagging {name}")
    seconds = time.monotonic() - began
    answered = [(p.sentence, p.entities) for p in predictions if p.entities is not None]
    gold, whole = [sentence for sentence, _ in answered], [entities for _, entities in answered]
    predicted = [tuple(e for e in entities if is_own(sentence, e)) for sentence, entities in answered]
    write_tagged(tagged_path(folder, name), gold, predicted)
    groups = inputs.taxonomy.groups_of(corpus.labels)
    scores = all_scores(gold, predicted, groups=groups, train=train, knowledge=knowledge_of(tagger))
    repaired, own = corpus.repaired + tally.repaired, tuple(scores_by_source(gold, whole)) or None
    scores = replace(scores, repaired=repaired, skipped=corpus.skipped, own=own)
    if tally.usage is None:
        return Evaluated(scores, seconds)
    llm = tally.usage.as_record(tally.failures, answered=tally.answered, sentences=tally.sentences)
    return Evaluated(scores, None if tally.usage.spent.get("cached") else seconds, llm)


def pending(record: Record, splits: Mapping[str, Split]) -> list[str]:
    """Splits that a run was not evaluated on yet, or that have sentences without an answer."""
    unanswered = {name for name, usage in record.llm.items() if usage.unanswered}
    return [name for name in splits if name != "train" and (name not in record.scores or name in unanswered)]


def clear(folder: Path) -> None:
    """Delete what a run wrote into its folder, except the log and the ledger of a language model."""
    remove_model(folder)
    for path in (folder / RECORD, folder / CHECKPOINT, *(tagged_path(folder, name) for name in ALL_SPLITS)):
        path.unlink(missing_ok=True)


def earlier_record(recipe: Recipe, folder: Path, fingerprint: str, splits: Mapping[str, Split]) -> Record | None:
    """What an earlier start recorded in the folder; ``ConfigError`` if another run did, finished or not."""
    if not (folder / RECORD).exists():
        if (folder / CHECKPOINT).exists() and not recipe.family.multiprocess:
            fix = "Fix: choose another --out, or --overwrite"
            raise ConfigError(f"{folder}: contains the unfinished training of another run. {fix}")
        return None
    record = read_record(folder)
    check_finished(record, folder, fingerprint, splits)
    section = recipe.family.knowledge(recipe.settings)
    if section is not None and section.embed and not recipe.rebuild and not (folder / EMBEDDED).exists():
        got = f"the finished run in {folder} has a model without a copy of its knowledge base"
        raise ConfigError(f"knowledge.embed: {got}. Fix: train it again with --overwrite, or leave --embed-kb out")
    return record


def check_finished(
    record: Record, folder: Path, fingerprint: str, splits: Mapping[str, Split], *, instead: str = "--overwrite"
) -> None:
    """``ConfigError`` if a record has other settings or data than this run, or scores on another file of a split.

    ``instead`` is the alternative to another folder, for the message.
    """
    if record.fingerprint != fingerprint:
        fix = f"Fix: choose another --out, or {instead}"
        raise ConfigError(f"{folder}: contains a finished run with other settings or data. {fix}")
    for name, split in splits.items():
        if name not in record.data or name == "train" or record.data[name].sha256 == split.sha256:
            continue
        file = split.corpus.path
        again = " and ".join(f"coner evaluate {each} {folder}" for each in split.files or [file])
        if name in ("dev", "test"):
            key, difference, fix = name, f"on another file than {file}", again
        else:
            key, difference = "noise", f"with other noise in {file.name}"
            fix = f"coner data noise {file} -o FILE, then {again} --noisy FILE"
        raise ConfigError(f"data.{key}: the finished run in {folder} was evaluated {difference}. Fix: {fix}")
