"""The run of ``coner pretrain``: text, training that can be resumed, and the folder of the new encoder."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed

from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.files import atomic_write, new_file_mode, write_error
from coner.core.locks import lock_folder
from coner.core.progress import Log
from coner.core.types import Sentence, compact_text
from coner.core.untrusted import read_json
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import CONFIG, load_encoder, locate
from coner.families.encoder.cpu.accelerate import native_precision
from coner.families.encoder.cpu.process import configure_process, restored_process
from coner.families.encoder.pretrain.network import MaskedLanguageModel
from coner.families.encoder.pretrain.objective import MaskingObjective, PretrainedModel, held_out_scores
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.checkpoint import Storage
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Batches, Schedule, group_parameters
from coner.families.encoder.training.settings import TrainSettings
from coner.families.encoder.training.threads import set_threads
from coner.families.encoder.training.trainer import Trainer
from coner.families.manifest import MANIFEST
from coner.families.recipe import file_hashes
from coner.records import machine
from coner.records.record import RECORD

REPORT = "pretrain.json"
HELD_OUT, MAX_HELD_OUT = 0.02, 500  # share and maximum number of the sentences that choose the epoch
HEAD = ("transform.*", "norm.*", "bias")


@dataclass(frozen=True)
class PretrainOptions:
    """Options of ``coner pretrain``; ``ConfigError`` if a number is out of range."""

    encoder: str = "minilm"  # short name, hub name or folder
    epochs: int = 3
    batch: int = 32  # sentences per step
    rate: float = 1e-4  # peak learning rate of the encoder; that of the new head is ten times as high
    share: float = 0.15  # of the words, masked
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name}: got {getattr(self, name)}; expected at least 1")
        for name, maximum in (("rate", 1.0), ("share", 1.0)):
            if not 0 < getattr(self, name) <= maximum:
                raise ConfigError(
                    f"--{name}: got {getattr(self, name):g}; expected a number above 0, up to {maximum:g}"
                )
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"--seed: got {self.seed}; expected 0 to {2**32 - 1}")

    @property
    def train(self) -> TrainSettings:
        """The settings of the training loop."""
        head = {"match": HEAD, "rate": 10 * self.rate}
        groups: dict[str, Any] = {"encoder": {"rate": self.rate}, "head": head}
        return TrainSettings.model_validate({"epochs": self.epochs, "batch": self.batch, "groups": groups})


@restored_process()
def pretrain(
    options: PretrainOptions, sentences: Sequence[Sentence], folder: Path, *, overwrite: bool = False
) -> Mapping[str, Any]:
    """Train on masked words of the sentences, and write the encoder of the best epoch into ``folder``.

    Duplicate texts, ignoring case, are used once; a fiftieth of them chooses the epoch. An interrupted run is resumed.

    Returns:
        What ``pretrain.json`` has: settings, numbers of sentences and words, history with the loss in nats.

    Raises:
        ConfigError: the encoder has no mask, or the folder has another run, a model or the encoder itself.
        DataError: there are fewer than two different sentences.
        ModelError: the encoder cannot be loaded.
    """
    _check_folder(folder, options.encoder)
    train, held_out = split_text(sentences)
    fingerprint = _fingerprint(options, train, held_out)
    with lock_folder(folder), Log(folder / "log.txt", overwrite=overwrite) as log:
        if overwrite:
            for name in (REPORT, CHECKPOINT):
                (folder / name).unlink(missing_ok=True)
        elif (folder / REPORT).exists():
            report = read_json(folder / REPORT)
            if not isinstance(report, dict) or report.get("fingerprint") != fingerprint:
                got = f"{folder}: contains an encoder of other settings or text"
                raise ConfigError(f"{got}. Fix: choose another --out, or --overwrite")
            log(f"{folder}: this run is already finished; --overwrite repeats it")
            return report
        set_seed(options.seed)
        processes = ProcessGroup(options.train.device)
        model, tokenizer = _model(options, processes.device)
        storage = Storage(
            folder / CHECKPOINT,
            fingerprint,
            options.train.checkpoint_minutes,
            lambda: write_encoder(model.encoder, tokenizer, folder),
            criterion="probability",
        )
        trainer = _trainer(options, model, (train, held_out), storage, processes)
        configure_process()
        resumed = trainer.resume()
        log(f"{options.encoder}: {len(train):,} sentences, {len(held_out):,} held out")
        for line in [f"resuming after step {trainer.done}"] if resumed else trainer.schedule.table():
            log(line)
        if chosen := set_threads(trainer, 0, resumed=resumed):
            log(chosen)
        trainer.run(log)
        words = sum(map(len, train))
        facts = {**trainer.facts(), "sentences": len(train), "held_out": len(held_out), "words": words}
        report = {**asdict(options), **facts, "versions": machine.versions(), "fingerprint": fingerprint}
        with atomic_write(folder / REPORT) as handle:
            handle.write(json.dumps(report, indent=2) + "\n")
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return report


def _check_folder(folder: Path, encoder: str) -> None:
    """``ConfigError`` if files of the folder would be replaced that are not of a pre-training."""
    if folder.resolve() == Path(locate(encoder)).resolve():
        raise ConfigError(f"--out: got {folder}, the folder of --encoder; expected another. Fix: choose another --out")
    if found := [name for name in (MANIFEST, RECORD) if (folder / name).exists()]:
        got = f"--out: got {folder}, which has a {found[0]}: the folder of a model or run; expected another"
        raise ConfigError(f"{got}. Fix: choose another --out")


def split_text(sentences: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Split the distinct texts into training and held-out ones; the split does not depend on their order."""
    texts = {compact_text(sentence): sentence for sentence in reversed(sentences) if sentence.words}
    if len(texts) < 2:
        raise DataError(f"got {len(texts)} different sentences; expected at least 2, better thousands")
    by_hash = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())
    held_out = set(by_hash[: min(MAX_HELD_OUT, max(1, int(HELD_OUT * len(texts))))])
    kept = [sentence for text, sentence in reversed(texts.items()) if text not in held_out]
    return kept, [texts[text] for text in by_hash if text in held_out]


def _model(options: PretrainOptions, device: torch.device) -> tuple[PretrainedModel, Any]:
    encoder, tokenizer = load_encoder(options.encoder)
    if tokenizer.mask_token_id is None:
        expected = "the encoder of a masked language model, such as BERT or RoBERTa"
        raise ConfigError(f"--encoder: got {options.encoder!r}, whose tokenizer has no mask; expected {expected}")
    network = MaskedLanguageModel(encoder).to(device)
    limit, size = piece_limit(encoder.config), getattr(encoder.config, "vocab_size", None)
    pieces = PieceMaker(tokenizer, limit=limit, vocabulary=size)
    precision = native_precision(options.train.precision, device)
    return PretrainedModel(network, pieces, device, precision, tokenizer.mask_token_id, options.share), tokenizer


def _trainer(
    options: PretrainOptions,
    model: PretrainedModel,
    texts: tuple[Sequence[Sentence], Sequence[Sentence]],
    storage: Storage,
    processes: ProcessGroup,
) -> Trainer:
    train, held_out = texts
    settings, objective = options.train, MaskingObjective(model, train)
    layers = int(model.encoder.config.num_hidden_layers)
    groups = group_parameters(model.network, settings.groups, layers=layers)
    return Trainer(
        model.network,
        objective,
        batches=Batches(objective.lengths, settings.batch, settings.batch_pieces, options.seed),
        schedule=Schedule(groups, settings.epochs, settings.warmup, settings.clip),
        evaluate=lambda: held_out_scores(model, held_out, pass_pieces=settings.batch_pieces),
        storage=storage,
        processes=processes,
    )


def write_encoder(encoder: Any, tokenizer: Any, folder: Path) -> None:
    """Write an encoder and its tokenizer as ``encoder.name`` expects them; ``OutputError`` if that fails."""
    try:
        for abandoned in folder.glob(".encoder-*"):  # by a process that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".encoder-", dir=folder) as temporary:
            source = Path(temporary)
            tokenizer.save_pretrained(str(source))
            encoder.save_pretrained(str(source))
            mode = new_file_mode(source)
            for path in sorted(source.iterdir(), key=lambda path: path.name == CONFIG):  # the config last
                path.chmod(mode)
                path.replace(folder / path.name)
    except OSError as error:
        raise write_error(folder, error) from None
    except Exception as error:  # safetensors and tokenizers have their own errors for a full disk
        raise OutputError(f"{folder}: cannot be written ({error})") from None


def _fingerprint(options: PretrainOptions, *texts: Sequence[Sentence]) -> str:
    digest = hashlib.sha256(json.dumps(asdict(options), sort_keys=True).encode())
    for text in texts:
        for sentence in text:
            digest.update(json.dumps(sentence.words).encode())
    source = Path(locate(options.encoder))
    digest.update(json.dumps(file_hashes([source / CONFIG, source / "model.safetensors"])).encode())
    return digest.hexdigest()
