"""One experiment from a config to a record: read, train, tag, score, record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coner.core import processes
from coner.core.errors import MissingExtra
from coner.core.files import make_folder, sha256
from coner.core.progress import Log
from coner.data.noisy_sentences import make_noise, noisy_train
from coner.data.splits import Split, SplitCache, describe, noisy_split, seen_in
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.crf.settings import CrfExperiment
from coner.families.encoder.settings import EncoderExperiment
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.start import weights_hash
from coner.families.settings import Experiment, Fitted
from coner.families.tagger import Tagger
from coner.families.vote.settings import VoteExperiment
from coner.records import machine
from coner.records.plain import plain
from coner.records.record import RECORD, Record, read_record, write_record
from coner.records.recording import add_part, make_record
from coner.runs.evaluate import Judge, check_finished, clear, headline, refuse_unfinished

LOG = "log.txt"
Watch = Callable[[int, float], None]  # epochs done, macro F1 on the validation part


def run(
    settings: Fitted,
    folder: Path,
    *,
    overwrite: bool = False,
    shared: SplitCache | None = None,
    watch: Watch | None = None,
) -> Record:
    """Train what the settings describe, in ``folder``, and record what came of it.

    A finished run is not done again; an unfinished encoder goes on from its checkpoint. The folder is a model folder.
    Of several processes that train one tagger only the first calls this; the others, ``assist``.

    Args:
        settings: with ``data.train`` set.
        folder: of the run; made where it does not exist.
        overwrite: throw away what an earlier run wrote into the folder.
        shared: with other runs of this process.
        watch: is told how training goes, see ``EncoderTrainer``.

    Raises:
        ConfigError: a needed file is not named, or the folder belongs to another run.
        DataError: a file is faulty.
    """
    shared = shared or SplitCache()
    parts, taxonomy = shared.read(settings.data)
    fingerprint = fingerprint_of(settings, parts, taxonomy)
    if not overwrite:
        if (folder / RECORD).exists():
            _dismiss(settings)
            return finished(settings, folder, fingerprint, parts, taxonomy)
        if isinstance(settings, CrfExperiment):
            refuse_unfinished(folder)
    make_folder(folder)
    with Log(folder / LOG, overwrite=overwrite) as log:
        log(f"{settings.name}: {describe(parts)}; taxonomy {taxonomy.name}, {len(taxonomy.labels)} classes")
        began, commit = time.monotonic(), machine.commit()  # before a long run, during which the checkout may change
        train = _trainer(
            settings, parts, taxonomy, folder=folder, fingerprint=fingerprint, log=log, shared=shared, watch=watch
        )
        if overwrite:  # not before what is asked for is known to be possible
            clear(folder)
        tagger, facts = train()
        facts = {"train_seconds": time.monotonic() - began, "fingerprint": fingerprint, "commit": commit, **facts}
        if shared.runs:
            facts["peak_rss_bytes"] = None  # the system knows only that of the whole process
        shared.runs += 1
        judge = Judge(tagger, taxonomy, seen=seen_in(parts), folder=folder)
        tagged = {name: judge(name, part) for name, part in parts.items() if name != "train"}
        record = make_record(settings, parts=parts, tagged=tagged, folder=folder, facts=facts)
        write_record(record, folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        for name in tagged:
            log(headline(record, name))
    return record


def assist(settings: EncoderExperiment, folder: Path) -> None:
    """Train along with the process that calls ``run`` with these settings; nothing is written.

    Raises as ``run`` does, and:
        ConfigError: the first process has other settings, data or encoder files.
        Unfinished: another process has ended.
    """
    shared = SplitCache()
    parts, taxonomy = shared.read(settings.data)
    fingerprint = fingerprint_of(settings, parts, taxonomy)
    with Log() as log:
        train = _trainer(
            settings, parts, taxonomy, folder=folder, fingerprint=fingerprint, log=log, shared=shared, watch=None
        )
        train()


def _dismiss(settings: Fitted) -> None:
    """Tell the processes that assist that there is nothing to train."""
    if processes.count() > 1 and not isinstance(settings, CrfExperiment):
        from coner.families.encoder.training.team import Team

        Team(settings.train.device).agree("")


def fingerprint_of(settings: Fitted, parts: dict[str, Split], taxonomy: Taxonomy) -> str:
    """What a trained model is a function of, as one hash: settings without names and places, taxonomy, data files."""
    apart: dict[str, Any] = {"name": True, "data": {"train", "dev", "dev_share", "extra", "test", "taxonomy", "noise"}}
    used, noise = [], {}
    if isinstance(settings, CrfExperiment):
        used = [settings.crf.cluster_file] if settings.crf.cluster_file else []
    else:
        apart["train"] = {"checkpoint_minutes", "init", "tensorboard"}
        used = [Path(settings.encoder.name, name) for name in ("config.json", "model.safetensors")]
    if settings.data.noise.rate:  # else nothing of it comes into training
        noise = {"noise": make_noise(settings.data.noise, rate=settings.data.noise.rate).key}
    values = {**settings.model_dump(mode="json", exclude=apart), **noise}
    values["taxonomy"] = taxonomy.as_dict()
    values["sha256"] = {name: part.sha256 for name, part in parts.items() if name in ("train", "dev")}
    if extras := parts["train"].extras:
        values["extra"] = [(extra.sha256, extra.weight, extra.left_out) for extra in extras]
    values["files"] = [sha256(path) for path in used if path.is_file()]
    if not isinstance(settings, CrfExperiment) and settings.train.init is not None:
        values["init"] = weights_hash(settings.train.init)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _trainer(
    settings: Fitted,
    parts: dict[str, Split],
    taxonomy: Taxonomy,
    *,
    folder: Path,
    fingerprint: str,
    log: Log,
    shared: SplitCache,
    watch: Watch | None,
) -> Callable[[], tuple[Tagger, dict[str, Any]]]:
    """What trains a tagger, saves it in the folder, and tells of its training; before the call nothing is written."""
    train, dev = noisy_train(parts["train"].sentences, settings.data.noise, log), parts["dev"].corpus
    if isinstance(settings, CrfExperiment):
        from coner.families.crf import fit as crf

        trained = crf.train(settings, train=train, dev=dev, taxonomy=taxonomy, log=log)

        def save() -> tuple[Tagger, dict[str, Any]]:
            trained.tagger.save(folder)
            return trained.tagger, {"trials": [asdict(trial) for trial in trained.trials]}

        return save
    try:
        from coner.families.encoder.training.trainer import EncoderTrainer
    except ModuleNotFoundError:
        raise MissingExtra("training an encoder", "encoder") from None
    trainer = EncoderTrainer(
        settings,
        train=train,
        weights=parts["train"].weights,
        dev=dev,
        taxonomy=taxonomy,
        folder=folder,
        belongs_to=fingerprint,
        log=log,
        cache=shared.pieces.setdefault((settings.encoder.name, settings.encoder.lowercase), {}),
        watch=watch,
    )
    return lambda: (trainer.run(), trainer.facts())


def finished(
    settings: Experiment | VoteExperiment, folder: Path, fingerprint: str, parts: dict[str, Split], taxonomy: Taxonomy
) -> Record:
    """The record of a run that is done; what it has not been scored on yet, it is scored on now.

    Raises:
        ConfigError: it is a run of other settings or data, or was scored on another test file or with other noise.
    """
    record = read_record(folder)
    told = {name: part for name, part in parts.items() if name != "dev"}  # which is in the fingerprint
    new = check_finished(record, folder, fingerprint, told)
    if not new:
        return record
    if noisy_split("dev") in new:  # the noise that the record is to tell of
        data = {**record.settings["data"], "noise": plain(settings.data.noise.model_dump())}
        record = record.model_copy(update={"settings": {**record.settings, "data": data}})
    judge = Judge(load(folder), taxonomy, seen=seen_in(parts), folder=folder)
    with Log(folder / LOG) as log:
        for name, part in new.items():
            record = add_part(record, name, part, judge(name, part))
            write_record(record, folder)
            log(headline(record, name))
    return record
