"""The declaration of a family of taggers; no code outside ``families/<kind>`` checks the kind of a tagger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from coner.config.experiment import Experiment
from coner.core.errors import ConfigError
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.manifest import Manifest
from coner.families.tagger import Tagger
from coner.families.usage import Spending

if TYPE_CHECKING:
    from coner.families.recipe import Recipe


@dataclass(frozen=True)
class TrainingJob:
    """What a tagger is fitted on, and the folder that it is saved in.

    Attributes:
        train, dev: labelled sentences, to fit on and to choose on.
        taxonomy: has all of their labels.
        folder: of the run.
        fingerprint: of settings and data; a checkpoint with another one is refused.
        log: for lines that a person reads.
        weights: of each training sentence in the loss; ``None``: all 1.
        pieces: cache of tokenized words, by tokenizer; jobs in one process may share it.
        on_epoch: called with the number of finished epochs and the macro F1 on ``dev``; an exception ends the training.
        claim: called before the first file is written: deletes what an earlier run wrote into the folder.
    """

    train: Sequence[Sentence]
    dev: Sequence[Sentence]
    taxonomy: Taxonomy
    folder: Path
    fingerprint: str
    log: Log
    weights: Sequence[float] | None = None
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    on_epoch: Callable[[int, float], None] | None = None
    claim: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Built:
    """A tagger that was built and saved, and facts about its training for the record."""

    tagger: Tagger
    facts: Mapping[str, Any] = field(default_factory=dict)


class Family:
    """A family. Its package ``families/<kind>`` registers one subclass; importing it loads no heavy library.

    Attributes:
        kind: its name in configs and in ``model.json``; that of the package.
        description: one line, without a full stop.
        settings: model of its configs.
        manifest: model of its ``model.json``.
        extra: optional dependency of this package that its models need.
        configurable: ``coner train`` accepts its configs.
        trains: it is fitted on labelled sentences; ablations, sweeps and the estimators accept it.
        multiprocess: several processes can train one tagger together.
        asks_endpoint: its taggers send sentences to an endpoint.
        exports: its taggers can be exported to ONNX.
        threaded: a tagger uses several cores.
    """

    kind: ClassVar[str]
    description: ClassVar[str]
    settings: ClassVar[type[Experiment]]
    manifest: ClassVar[type[Manifest]] = Manifest
    extra: ClassVar[str | None] = None
    configurable: ClassVar[bool] = False
    trains: ClassVar[bool] = False
    multiprocess: ClassVar[bool] = False
    asks_endpoint: ClassVar[bool] = False
    exports: ClassVar[bool] = False
    threaded: ClassVar[bool] = True

    def load(self, folder: Path, manifest: Any) -> Tagger:
        """Open a model folder, whose manifest and files have been checked, by ``load`` of the package's ``tagger.py``.

        Raises:
            ConfigError, ModelError: they do not fit together.
        """
        tagger: Tagger = import_module(f"{type(self).__module__}.tagger").load(folder, manifest)
        return tagger

    def recipe(self, settings: Any, spending: Spending | None = None) -> Recipe:
        """The recipe of ``coner train``; ``ConfigError`` if spending is limited and the family asks no endpoint."""
        from coner.families.recipe import Training

        (spending or Spending()).require_none(f"a config of kind {self.kind}")
        return Training(settings)

    def fit(self, settings: Any, job: TrainingJob) -> Built:
        """Fit a tagger and save it in the folder of the job."""
        raise ConfigError(f"kind = {self.kind!r} has nothing to train")

    def identity(self, settings: Any) -> dict[str, Any]:
        """What a fitted tagger depends on besides the data: the settings, and hashes of the files that they name."""
        return settings.model_dump(mode="json", exclude={"name": True, "data": True})  # type: ignore[no-any-return]

    def release(self, settings: Any) -> None:
        """Called by the first of several processes if there is nothing to train, so that the others stop waiting."""

    def epochs(self, settings: Any) -> int:
        """Number of epochs, after each of which ``TrainingJob.on_epoch`` is called; 0: never."""
        return 0

    def with_encoder(self, settings: Any, name: str) -> Any:
        """The settings with another pretrained encoder; ``ConfigError`` if they have none."""
        raise ConfigError(f"kind = {self.kind!r} has no pretrained encoder")
