"""Training a plain encoder tagger: ours compared with the Hugging Face Trainer on the same model, data and settings.

    python benchmarks/training.py --train data/train.conll --dev data/dev.conll

Both sides fine-tune one encoder with a linear layer and softmax on the vector of each word's first piece: AdamW, one
rate, linear warm-up and decay, the same number of sentences per step and of steps. The peer runs twice: with its
defaults (float32, random order, padding to the longest of the batch), and with its best settings for this machine
(batches grouped by length; bfloat16 where the processor has it, since its emulation takes minutes a step).

It measures real words per second, those of the batches that were trained on, in alternating rounds (--rounds of
--steps). When it groups by length, the Trainer sorts 50 batches at a time, longest first, and each round begins with
them: 50 steps have all lengths. With --epochs, it runs one whole training of each instead, on the first --sentences,
alternating by epoch, and measures F1 on the dev file after each epoch, with the seconds of training so far.
The peer's answers are read like ours: the best tag of each word's first piece, repaired where it is invalid.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import transformers
from harness import SAMPLE, Processor, Row, arguments, command, existing, positive, report, row
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from coner.core.progress import Log
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.evaluation.score import score
from coner.evaluation.significance import intervals
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.fit import prepare
from coner.families.encoder.settings import EncoderExperiment
from coner.families.family import TrainingJob

BFLOAT16 = Processor.read().has_bfloat16
BEST = f"Trainer, {'bfloat16' if BFLOAT16 else 'float32'}, grouped by length"
PEERS: dict[str, dict[str, Any]] = {
    "Trainer, defaults": {},
    BEST: {"bf16": BFLOAT16, "train_sampling_strategy": "group_by_length"},
}
GOALS = {"Trainer, defaults": 3.0, BEST: 1.15 if BFLOAT16 else 1.5}
WARMUP = 0.1
TAGGED = 16  # sentences in a pass of the peer over dev
OnEpoch = Callable[[list[list[Entity]], float], None]  # answers on dev after an epoch, seconds of training so far


@dataclass(frozen=True)
class Task:
    """What both sides train on, and how."""

    train: list[Sentence]
    dev: list[Sentence]
    taxonomy: Taxonomy
    model: str
    batch: int
    rate: float
    epochs: int
    embeddings: str
    freeze_layers: int = 0


class Ours:
    """Our trainer, step by step."""

    def __init__(self, task: Task, folder: Path) -> None:
        rate = {"rate": task.rate}
        settings = EncoderExperiment.model_validate(
            {
                "kind": "encoder",
                "encoder": {
                    "name": task.model,
                    "embeddings": task.embeddings,
                    "freeze_layers": task.freeze_layers,
                },
                "head": {"layers": [-1], "mix": "last", "context": "none", "blend": "none", "decoder": "softmax"},
                "train": {
                    "epochs": task.epochs,
                    "batch": task.batch,
                    "warmup": WARMUP,
                    "groups": {"encoder": rate, "head": rate},
                },
            }
        )
        self.answers: list[list[Entity]] = []
        self.on_epoch: OnEpoch = lambda _answers, _seconds: None
        job = TrainingJob(
            train=task.train,
            dev=task.dev,
            taxonomy=task.taxonomy,
            folder=folder,
            fingerprint="benchmark",
            log=Log(),
            on_epoch=lambda _epoch, _f1: self.on_epoch(self.answers, self.tuning.trainer.progress.seconds),
        )
        self.tuning = prepare(settings, job)
        self.words = [len(sentence) for sentence in task.train]

    def speeds(self, steps: int) -> Iterator[float]:
        """Real words per second, over ``steps`` steps at a time, without end."""
        configure_process()
        self.tuning.compute_frozen()
        batches = self.tuning.trainer.batches.epoch(0)
        at = 0
        while True:
            chosen = [batches[(at + i) % len(batches)] for i in range(steps)]
            began = time.perf_counter()
            for some in chosen:
                self.tuning.trainer.step(some)
            yield sum(self.words[i] for some in chosen for i in some) / (time.perf_counter() - began)
            at += steps

    def train(self, on_epoch: OnEpoch) -> None:
        """A whole training."""
        tag = self.tuning.tagger.tag

        def keep(sentences: Sequence[Sentence]) -> list[list[Entity]]:
            self.answers = tag(sentences)
            return self.answers

        self.tuning.tagger.tag = keep  # type: ignore[method-assign]
        self.on_epoch = on_epoch
        self.tuning.run()


class Peer:
    """The Hugging Face Trainer, as its guide to token classification uses it."""

    def __init__(self, task: Task, folder: Path, options: dict[str, Any]) -> None:
        self.task = task
        self.tags = TagSet(task.taxonomy.labels)
        encoder, self.tokenizer = load_encoder(task.model)
        with tempfile.TemporaryDirectory() as saved:
            encoder.save_pretrained(saved)
            self.model = AutoModelForTokenClassification.from_pretrained(saved, num_labels=len(self.tags))
        self.encoded = [self._encode(sentence) for sentence in task.train]
        self.collate = CountWords(self.tokenizer)
        self.arguments = TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=task.batch,
            learning_rate=task.rate,
            num_train_epochs=task.epochs,
            warmup_steps=WARMUP,
            weight_decay=0.01,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            **options,
        )

    def _encode(self, sentence: Sentence) -> dict[str, Any]:
        encoded = self.tokenizer(list(sentence.words), is_split_into_words=True, truncation=True)
        places = encoded.word_ids()
        gold = self.tags.encode(sentence.entities or (), len(sentence))
        first = [
            gold[word] if word is not None and word != before else -100
            for before, word in zip([None, *places], places, strict=False)
        ]
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "labels": first}

    def train_by_epoch(self, on_epoch: Callable[[int], None]) -> None:
        """A whole training; ``on_epoch`` gets the number of finished epochs."""
        self.trainer(self.encoded, EpochCount(on_epoch)).train()

    def trainer(self, data: list[dict[str, Any]], callback: TrainerCallback | None, **changes: Any) -> Trainer:
        for name, value in changes.items():
            setattr(self.arguments, name, value)
        made = Trainer(
            model=self.model,
            args=self.arguments,
            train_dataset=data,  # type: ignore[arg-type]
            data_collator=self.collate,
            processing_class=self.tokenizer,
            callbacks=[callback] if callback else [],
        )
        made.remove_callback(PrinterCallback)
        return made

    def speeds(self, steps: int) -> Iterator[float]:
        """Real words per second, over ``steps`` steps at a time, without end; start-up is not counted."""
        while True:
            clock = StepClock()
            self.collate.words.clear()
            self.trainer(self.encoded, clock, max_steps=steps + 1).train()
            yield sum(self.collate.words[1 : steps + 1]) / (clock.times[-1] - clock.times[0])

    def train(self, on_epoch: OnEpoch) -> None:
        """A whole training."""
        self.trainer(self.encoded, EpochClock(lambda: self.answers(self.task.dev), on_epoch)).train()

    @torch.inference_mode()
    def answers(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """The best tag of each word's first piece, as entities."""
        self.model.eval()
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        found: dict[int, list[Entity]] = {}
        for start in range(0, len(order), TAGGED):
            some = order[start : start + TAGGED]
            texts = [list(sentences[i].words) for i in some]
            encoded = self.tokenizer(
                texts, is_split_into_words=True, truncation=True, padding=True, return_tensors="pt"
            )
            for at, (i, ids) in enumerate(zip(some, self.model(**encoded).logits.argmax(-1).tolist(), strict=True)):
                places = encoded.word_ids(at)
                first = {
                    word: tag for word, tag in zip(reversed(places), reversed(ids), strict=True) if word is not None
                }
                found[i] = self.tags.decode([first.get(word, 0) for word in range(len(sentences[i]))])[0]
        self.model.train()
        return [found[i] for i in range(len(sentences))]


class CountWords(DataCollatorForTokenClassification):  # type: ignore[misc]
    """Makes batches, and records how many words each has: the pieces with a label."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer)
        self.words: list[int] = []

    def __call__(self, features: Any, return_tensors: Any = None) -> Any:
        batch = super().__call__(features, return_tensors)
        self.words.append(int((batch["labels"] != self.label_pad_token_id).sum()))
        return batch


class StepClock(TrainerCallback):  # type: ignore[misc]
    """Records when each step ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())


class EpochClock(TrainerCallback):  # type: ignore[misc]
    """Reports answers and seconds of training after each epoch; evaluation and waiting do not count."""

    def __init__(self, answer: Callable[[], list[list[Entity]]], report: OnEpoch) -> None:
        self.answer, self.report = answer, report
        self._began = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        stopped = time.perf_counter()
        self.report(self.answer(), stopped - self._began)
        self._began += time.perf_counter() - stopped


class EpochCount(TrainerCallback):  # type: ignore[misc]
    """Calls a function with the number of finished epochs."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self.report = report

    def on_epoch_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
        self.report(round(state.epoch))


class Side:
    """One contender, in a process of its own: accelerate's settings hold for a whole process."""

    def __init__(self, name: str, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(name, task, other), daemon=True)
        count = os.environ.pop("GOMP_SPINCOUNT", None) if name in PEERS else None  # ours; not their default
        self.process.start()
        if count is not None:
            os.environ["GOMP_SPINCOUNT"] = count

    def ask(self, steps: int = 0) -> Any:
        """Words per second over ``steps`` steps; with 0, answers and seconds after the next epoch of a training."""
        self.connection.send(steps)
        return self.connection.recv()


def serve(name: str, task: Task, connection: Connection) -> None:
    """Answer ``Side.ask``."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        side = Peer(task, Path(folder), PEERS[name]) if name in PEERS else Ours(task, Path(folder))
        speeds: Iterator[float] | None = None
        while steps := connection.recv():
            speeds = speeds or side.speeds(steps)
            connection.send(next(speeds))

        def send(answers: list[list[Entity]], seconds: float) -> None:
            connection.send((answers, seconds))
            connection.recv()  # waits for the turn of the others

        side.train(send)


def quiet() -> None:
    """Turn off warnings and progress bars."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.disable(logging.WARNING)


def measure_speed(task: Task, rounds: int, steps: int) -> list[Row]:
    """Rounds in turn; the first of each side warms up."""
    sides = {name: Side(name, task) for name in ("coner", *PEERS)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for at in range(rounds + 1):
        for name, side in list(sides.items())[:: -1 if at % 2 else 1]:
            speed = side.ask(steps)
            if at:
                seconds[name].append(1 / speed)
    for side in sides.values():
        side.process.kill()
    return [row("seconds a word", peer, seconds["coner"], seconds[peer], goal=GOALS[peer]) for peer in PEERS]


def measure_quality(task: Task) -> tuple[list[Row], dict[str, object]]:
    """One whole training each: seconds to the F1 that all reach, and the F1 at the end with its interval."""
    gold = [sentence.entities or () for sentence in task.dev]
    curves: dict[str, tuple[list[float], list[float]]] = {}
    facts: dict[str, object] = {}
    sides = {name: Side(name, task) for name in ("coner", *PEERS)}
    results = [{name: side.ask() for name, side in sides.items()} for _ in range(task.epochs)]
    for name, side in sides.items():
        side.process.kill()
        scores = [score(gold, epoch[name][0]).fine for epoch in results]
        reached, seconds = [one.micro_f1 for one in scores], [epoch[name][1] for epoch in results]
        spread = intervals(scores[-1].counts)["micro_f1"]
        curves[name] = (reached, seconds)
        facts[name] = (
            f"micro F1 at the end {reached[-1]:.3f} [{spread.low:.3f}, {spread.high:.3f}] after {seconds[-1]:.0f} s; "
            f"by epoch {', '.join(f'{f1:.3f}' for f1 in reached)}"
        )
    target = 0.97 * min(reached[-1] for reached, _ in curves.values())
    times = {
        name: next(at for f1, at in zip(reached, seconds, strict=True) if f1 >= target)
        for name, (reached, seconds) in curves.items()
    }
    rows = [row(f"to micro F1 {target:.3f}", peer, [times["coner"]], [times[peer]], goal=GOALS[peer]) for peer in PEERS]
    return rows, facts


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__)
    parser.add_argument("--train", type=existing, default=SAMPLE / "train.conll")
    parser.add_argument("--dev", type=existing, default=SAMPLE / "dev.conll")
    parser.add_argument("--model", default="minilm", help="as encoder.name in a config; default minilm")
    parser.add_argument("--batch", type=positive, default=32, help="sentences per step; default 32")
    parser.add_argument("--steps", type=positive, default=50, help="steps per round; default 50")
    parser.add_argument("--rate", type=float, default=1.5e-4, help="learning rate of all parameters; default 1.5e-4")
    parser.add_argument("--embeddings", default="rows", help="as encoder.embeddings in a config; default rows")
    parser.add_argument("--freeze-layers", type=int, default=0, help="as encoder.freeze_layers; default 0")
    parser.add_argument("--epochs", type=int, default=0, help="of whole trainings, instead of rounds; default 0: none")
    parser.add_argument("--sentences", type=positive, default=3000, help="sentences of whole trainings; default 3000")
    options = parser.parse_args()
    quiet()
    train, dev = list(read(options.train)), list(read(options.dev))
    taxonomy = choose_taxonomy("auto", sorted({e.label for s in train for e in s.entities or ()}))
    facts: dict[str, object] = {"batch": options.batch, "threads": torch.get_num_threads(), "model": options.model}
    facts |= {"embeddings": options.embeddings, "freeze_layers": options.freeze_layers}
    if not BFLOAT16:
        facts["skipped"] = "the Trainer in bfloat16, which this processor emulates"
    frozen = (options.embeddings, options.freeze_layers)
    task = Task(train, dev, taxonomy, options.model, options.batch, options.rate, 1, *frozen)
    if options.epochs:
        rows, found = measure_quality(replace(task, train=train[: options.sentences], epochs=options.epochs))
        facts |= found
    else:
        rows = measure_speed(task, options.rounds, options.steps)
    name = f"training-{options.batch}{'-whole' if options.epochs else ''}.json"
    packages = ["torch", "transformers", "accelerate"]
    report(options.out / name, "Training an encoder", rows, packages=packages, facts=facts)


if __name__ == "__main__":
    command(main)
