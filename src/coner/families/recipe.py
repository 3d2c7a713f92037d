"""How runs differ: which splits they read, what identifies them, how their tagger is built."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.config.experiment import Experiment
from coner.core.counted import counted
from coner.core.errors import ConfigError, requires_extra
from coner.core.files import sha256
from coner.data.noise import make_noise, noisy_train
from coner.data.split import describe
from coner.data.splits import Inputs, SplitCache
from coner.families.family import Built, Family, Place, TrainingJob
from coner.families.manifest import check_labels
from coner.families.registry import family, kinds

if TYPE_CHECKING:
    from coner.families.knowledge import TrainingKnowledge

# Settings of the data that the identity of a run covers by hashes, or that do not change the result.
HASHED = {"train", "dev", "dev_share", "extra", "union", "test", "taxonomy", "noise"}


class Recipe(ABC):
    """What ``runs.execute`` needs to know about a run."""

    settings: Experiment  # recorded with the run
    rebuild: bool = False  # build the tagger of a finished run again: it is cheap, and its endpoint may have changed
    _known: TrainingKnowledge | None = None

    @property
    def family(self) -> Family:
        """Declaration of the run's family."""
        return family(self.settings.kind)

    @property
    def kb(self) -> Path | None:
        """Folder of the knowledge base that its tagger uses."""
        section = self.family.knowledge(self.settings)
        return None if section is None else section.base

    @abstractmethod
    def read(self, cache: SplitCache) -> Inputs:
        """Read the splits; ``ConfigError`` if a required file is not set, ``DataError`` if one is faulty."""

    @abstractmethod
    def identity(self, inputs: Inputs) -> dict[str, Any]:
        """Everything that the tagger depends on, as JSON values."""

    @abstractmethod
    def build(self, inputs: Inputs, place: Place) -> Built:
        """Build the tagger and save it in the folder."""

    def knowledge(self, inputs: Inputs) -> TrainingKnowledge | None:
        """The knowledge base of the tagger, opened once; for errors see ``TrainingKnowledge``."""
        section = self.family.knowledge(self.settings)
        if self._known is None and section is not None and section.base is not None:
            with requires_extra("A knowledge base", "knowledge"):
                from coner.families.knowledge import TrainingKnowledge
            self._known = TrainingKnowledge(section.base, section, inputs.splits)
        return self._known

    def notes(self, inputs: Inputs) -> list[str]:
        """Further lines of the log: how files were read, and what to know about them and the knowledge base."""
        knowledge = self.knowledge(inputs)
        return inputs.notes if knowledge is None else [*inputs.notes, *knowledge.notes()]

    def fingerprint(self, inputs: Inputs) -> str:
        """``identity`` as one hash."""
        return hashlib.sha256(json.dumps(self.identity(inputs), sort_keys=True).encode()).hexdigest()

    def describe(self, inputs: Inputs) -> str:
        """First line of the log."""
        taxonomy = inputs.taxonomy
        files = describe(inputs.splits) or "no files"
        classes = counted(len(taxonomy.labels), "class", "classes")
        return f"{self.settings.name}: {files}; taxonomy {taxonomy.name}, {classes}"


class Training(Recipe):
    """Fits a tagger on labelled sentences, those of the settings or ``inputs``."""

    def __init__(self, settings: Experiment, inputs: Inputs | None = None) -> None:
        self.settings, self.inputs = settings, inputs

    def read(self, cache: SplitCache) -> Inputs:
        inputs = self.inputs or cache.read(self.settings.data)
        if not self.family.learns_sets and any(s.regions is not None for s in inputs.splits["train"].sentences):
            learn = ", ".join(name for name in kinds(trains=True) if family(name).learns_sets)
            fix = f"Fix: use one of kind {learn}, or files with labels of the taxonomy"
            got = f"got files with sets of labels, which a model of kind {self.settings.kind} cannot learn from"
            raise ConfigError(f"data.{'union' if self.settings.data.union else 'extra'}: {got}. {fix}")
        return inputs

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        splits, noise = inputs.splits, self.settings.data.noise
        data = {"scheme": "iob2", "repair": False, "take": 0}  # as first versions had them
        data |= self.settings.data.model_dump(mode="json", exclude=HASHED, exclude_defaults=True)
        values = {**self.family.identity(self.settings), "data": data, "taxonomy": inputs.taxonomy.as_dict()}
        values["sha256"] = {name: split.sha256 for name, split in splits.items() if name in ("train", "dev")}
        if noise.rate:
            values["noise"] = make_noise(noise, rate=noise.rate).key
        if extras := splits["train"].extras:
            values["extra"] = [(extra.sha256, extra.weight, extra.left_out) for extra in extras]
        if (knowledge := self.knowledge(inputs)) is not None:
            values["knowledge"] = knowledge.identity()
        return values

    def build(self, inputs: Inputs, place: Place) -> Built:
        check_labels(inputs.taxonomy)
        train, data = inputs.splits["train"], self.settings.data
        sentences, knowledge = noisy_train(train.sentences, data.noise, place.log), self.knowledge(inputs)
        if knowledge is not None:
            knowledge.learn(sentences, train.sentences)
        job = TrainingJob(
            **vars(place),
            train=sentences,
            dev=inputs.splits["dev"].corpus,
            taxonomy=inputs.taxonomy,
            weights=train.weights,
            knowledge=knowledge,
        )
        return self.family.fit(self.settings, job)


def file_hashes(paths: list[Path]) -> list[str]:
    """Hashes of the files that exist, for a fingerprint."""
    return [sha256(path) for path in paths if path.is_file()]
