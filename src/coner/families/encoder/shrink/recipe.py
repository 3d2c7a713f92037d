"""The run of ``coner shrink``: settings of the student, its data, and its training beside the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from coner.config.experiment import DataSettings
from coner.config.load import apply_overrides, override
from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError, ModelError
from coner.core.types import Sentence
from coner.data import read
from coner.data.files import digest
from coner.data.reading.reader import Reading
from coner.data.split import Split, evaluated_in, leave_out
from coner.data.splits import Inputs, read_named_splits, read_options
from coner.families.encoder import EncoderFamily
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.encoder.shrink import objective
from coner.families.encoder.shrink.layers import make_student, matched_layers
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.family import Built, Place, TrainingJob
from coner.families.knowledge_use import require_no_knowledge
from coner.families.manifest import WEIGHTS, parse_manifest, read_manifest
from coner.families.recipe import Training
from coner.families.settings import parse_data, parse_experiment
from coner.hub import model_name

# Settings of training that a student takes from its teacher; the others depend on the data.
KEPT = {"groups", "warmup", "clip", "batch_pieces", "precision", "device", "checkpoint_minutes"}
SOURCE = "coner shrink"  # in messages
CHANGED = {"seed", *(f"data.{name}" for name in ("take", *Reading.__annotations__))}  # besides ``train``


@dataclass(frozen=True)
class ShrinkOptions:
    """Options of ``coner shrink``."""

    teacher: Path  # folder of a trained encoder
    layers: int | None  # of the student; ``None``: half of the teacher's
    files: Mapping[str, Path]  # by split: train, dev, and maybe test
    text: Sequence[Path] = ()  # files of further sentences, whose labels are ignored
    overrides: Sequence[str] = ()  # ``key.path=value`` of ``train``, ``data`` or ``seed``


class ShrinkRecipe(Training):
    """Trains a student of a trained encoder; an ordinary run otherwise.

    Raises:
        ModelError: the teacher is missing or damaged, or is not a trained encoder.
        ConfigError: it has too few layers, it is in ``folder``, or a setting is wrong or not one of the training.
        DataError: a file is faulty, or has a label that the teacher does not know.
    """

    settings: EncoderExperiment
    inputs: Inputs

    def __init__(self, options: ShrinkOptions, folder: Path) -> None:
        manifest = _teacher_manifest(options.teacher)
        if options.teacher.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{options.teacher}: is in {folder}, which will be written. Fix: choose another --out")
        require_no_knowledge(manifest.knowledge, options.teacher, "coner shrink")
        self.teacher_folder, self.teacher_files = options.teacher, manifest.files
        self.teacher = EncoderTagger.load(options.teacher, manifest)
        self.matched = matched_layers(options.layers, self.total)
        values = _values(options, manifest.settings, len(self.matched), folder.resolve().name)
        inputs = _inputs(options, parse_data(values, SOURCE), self.teacher)
        suggested = EncoderFamily().suggest(values, inputs.splits["train"].sentences)
        super().__init__(parse_experiment(override(suggested, values), SOURCE), inputs)

    @property
    def total(self) -> int:
        """Number of layers of the teacher."""
        return int(self.teacher.encoder.config.num_hidden_layers)

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        how = {"temperature": objective.TEMPERATURE, "weights": objective.WEIGHTS}
        return {**super().identity(inputs), "teacher": self._facts(), **how}

    def describe(self, inputs: Inputs) -> str:
        name = model_name(self.teacher_folder)
        of = f"student of {name}, with the lowest {len(self.matched)} of its {counted(self.total, 'layer')}"
        point = read_manifest(self.teacher_folder).operating_point
        lost = [] if point is None else [f"{name} has {point}: choose it again for the student with coner threshold"]
        return "\n".join([of, *lost, super().describe(inputs)])

    def build(self, inputs: Inputs, place: Place) -> Built:
        train = inputs.splits["train"]
        job = TrainingJob(
            **vars(place),
            train=train.sentences,
            dev=inputs.splits["dev"].corpus,
            taxonomy=inputs.taxonomy,
            weights=train.weights,
        )
        built = self._fit(job)
        return replace(built, facts={**built.facts, "teacher": self._facts()})

    @restored_process()
    def _fit(self, job: TrainingJob) -> Built:
        return self.prepare(job).run()

    def prepare(self, job: TrainingJob) -> FineTuning[EncoderTagger]:
        """The student and its trainer; for errors see ``FineTuning``."""
        teacher, taxonomy = self.teacher, job.taxonomy
        manifest = EncoderManifest(kind=teacher.kind, labels=taxonomy.labels, taxonomy=taxonomy, settings=self.settings)
        losses = partial(objective.ShrinkObjective, teacher=teacher, matched=self.matched)
        return FineTuning(partial(make_student, teacher), losses, manifest, job)

    def _facts(self) -> dict[str, Any]:
        name, sha256 = model_name(self.teacher_folder), self.teacher_files[WEIGHTS].sha256
        return {"model": name, "sha256": sha256, "layers": self.total, "matched": list(self.matched)}


def _teacher_manifest(folder: Path) -> EncoderManifest:
    manifest = read_manifest(folder)
    if manifest.kind != EncoderTagger.kind:
        hint = "of an export, name the run that was exported; of a vote, shrink the members"
        raise ModelError(f"{folder}: got a model of kind {manifest.kind}; expected a trained encoder ({hint})")
    return parse_manifest(manifest.model_dump(), EncoderManifest, folder)


def _values(options: ShrinkOptions, teacher: EncoderExperiment, layers: int, name: str) -> dict[str, Any]:
    """The settings that are set: the teacher's, except those that depend on its data, and with fewer layers."""
    for text in options.overrides:
        key = text.partition("=")[0].strip()
        if not key.startswith("train.") and key not in CHANGED:
            message = "expected one of train, such as train.epochs=4, of reading data, such as data.take=1000, or seed"
            raise ConfigError(f"--set {text!r:.200}: {message}; the others are those of the teacher")
    values = teacher.model_dump(mode="json", exclude={"data", "auxiliary"})
    values |= {"name": name, "data": {split: str(path) for split, path in options.files.items()}}
    values["encoder"] |= {"keep_layers": layers, "freeze_layers": 0, "unfreeze_after": 1.0}
    values["head"] |= {"consistency": 0.0}
    values["train"] = {key: value for key, value in values["train"].items() if key in KEPT}
    return apply_overrides(values, options.overrides)


def _inputs(options: ShrinkOptions, data: DataSettings, teacher: EncoderTagger) -> Inputs:
    splits = read_named_splits(data, teacher.taxonomy).splits
    if not splits["train"].corpus.labels:
        raise DataError("got no mention; expected labelled sentences to train on", splits["train"].corpus.path)
    extras = tuple(leave_out(_unlabelled(path, data), evaluated_in(splits)) for path in options.text)
    return Inputs({**splits, "train": replace(splits["train"], extras=extras)}, teacher.taxonomy)


def _unlabelled(path: Path, data: DataSettings) -> Split:
    options: Reading = {**read_options(data), "columns": None, "rename": {}}  # those of labelled files
    corpus = read(path, **options, predicted=True)
    sentences = tuple(Sentence(s.words, line=s.line) for s in corpus if s.words)
    if not sentences:
        raise DataError("got no words; expected sentences to train on", path)
    return Split(replace(corpus, sentences=sentences), digest(path))
