"""What a family of taggers declares; nothing outside ``families/<kind>`` asks which kind a tagger is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
class Job:
    """What a tagger is built from, and where.

    Attributes:
        train, dev: labelled sentences, to fit on and to choose on.
        taxonomy: which has all their labels.
        folder: of the run; the tagger is saved there.
        fingerprint: of settings and data: a checkpoint of another one is refused.
        log: takes the lines that a person reads.
        weights: of the loss of each training sentence; ``None``: all 1.
        pieces: cache of tokenized words, by tokenizer; jobs of one process may share it.
        on_epoch: called with the number of epochs done and the macro F1 on ``dev``; what it raises ends the training.
        claim: called before the first file is written: removes what an earlier run left in the folder.
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
    """A tagger that was built and saved, and facts about that for its record."""

    tagger: Tagger
    facts: Mapping[str, Any] = field(default_factory=dict)


class Family(ABC):
    """One family. Its package ``families/<kind>`` registers one subclass; importing it loads no heavy library.

    Attributes:
        kind: its name in configs and in ``model.json``: that of the package.
        description: one line.
        settings: model of its configs.
        manifest: model of its ``model.json``.
        extra: optional dependency of the package that its models need.
        configurable: ``coner train`` takes its configs.
        trains: it is fitted on labelled sentences, so that ablation, sweep and the estimators can take it.
        multiprocess: several processes can train one tagger together.
        asks_endpoint: its taggers send sentences to an endpoint.
        exports: its taggers can be exported to ONNX.
        threaded: one tagger uses several cores.
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

    @abstractmethod
    def load(self, folder: Path, manifest: Any) -> Tagger:
        """Open the tagger of a model folder; ``manifest`` is of this family's model, and its files are checked.

        Raises:
            ModelError: the files do not fit the manifest.
        """

    def recipe(self, settings: Any, spending: Spending | None = None) -> Recipe:
        """The run that ``coner train`` starts; ``spending`` limits calls to an endpoint.

        Raises:
            ConfigError: calls are limited, but the family asks no endpoint.
        """
        from coner.families.recipe import Training

        if spending is not None and spending != Spending():
            raise ConfigError(
                f"--budget-tokens, --budget-cost, --ledger: got a config of kind {self.kind}, which asks no endpoint; "
                "expected none of these options. Fix: leave them out"
            )
        return Training(settings)

    def fit(self, settings: Any, job: Job) -> Built:
        """Fit a tagger on labelled sentences and save it in the folder of the job."""
        raise ConfigError(f"kind = {self.kind!r} has nothing to train")

    def identity(self, settings: Any) -> dict[str, Any]:
        """What the fitted tagger depends on beside the data: settings, and hashes of the files they name."""
        return settings.model_dump(mode="json", exclude={"name": True, "data": True})  # type: ignore[no-any-return]

    def release(self, settings: Any) -> None:  # noqa: B027 - most families have nothing to do
        """Of several processes the first calls this if there is nothing to train: the others stop waiting."""

    def epochs(self, settings: Any) -> int:
        """Epochs after which ``Job.on_epoch`` is called; 0: never."""
        return 0

    def with_encoder(self, settings: Any, name: str) -> Any:
        """The settings with another pretrained encoder; ``ConfigError`` if the family has none."""
        raise ConfigError(f"kind = {self.kind!r} has no pretrained encoder")

    def card_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Of recorded settings, those that a model card lists: by default those that differ from the defaults."""
        return {}
