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
from coner.knowledge.settings import KnowledgeSettings

if TYPE_CHECKING:
    from coner.families.knowledge import TrainingKnowledge
    from coner.families.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run writes, and what it shares with other runs."""

    folder: Path
    fingerprint: str  # of settings and data; a checkpoint with another fingerprint is refused
    log: Log
    # Cache of tokenized words, by tokenizer and whether it lower-cases; runs in one process may share it.
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    # Called with the number of finished epochs and the macro F1 on dev; an exception ends the training.
    on_epoch: Callable[[int, float], None] | None = None
    claim: Callable[[], None] = lambda: None  # deletes what an earlier run wrote; called before the first file


@dataclass(frozen=True, kw_only=True)
class TrainingJob(Place):
    """The data to fit a tagger on, and the folder to save it in."""

    train: Sequence[Sentence]  # labelled
    dev: Sequence[Sentence]  # labelled, to choose on
    taxonomy: Taxonomy  # has all of their labels
    weights: Sequence[float] | None = None  # of each training sentence in the loss; ``None``: all 1
    knowledge: TrainingKnowledge | None = None


@dataclass(frozen=True)
class Built:
    """A tagger that was built and saved, and facts about its training for the record."""

    tagger: Tagger
    facts: Mapping[str, Any] = field(default_factory=dict)


class Family:
    """Declaration of a family: ``families/<kind>`` registers one subclass; importing it loads no heavy library."""

    kind: ClassVar[str]  # name in configs and in ``model.json``, and of the package
    description: ClassVar[str]  # one line, without a full stop
    settings: ClassVar[type[Experiment]]  # model of its configs
    manifest: ClassVar[type[Manifest]] = Manifest  # model of its ``model.json``
    extra: ClassVar[str | None] = None  # extra that its models need: ``pip install coner[extra]``
    configurable: ClassVar[bool] = False  # ``coner train`` accepts its configs
    learns_sets: ClassVar[bool] = False  # training sentences may have ``regions``, sets of possible labels
    trains: ClassVar[bool] = False  # it is fitted on labelled sentences; ablations, sweeps and the estimators accept it
    multiprocess: ClassVar[bool] = False  # several processes can train one tagger together
    calls_endpoint: ClassVar[bool] = False  # its taggers send sentences to an endpoint
    exports: ClassVar[bool] = False  # its taggers can be exported to ONNX
    gives_confidence: ClassVar[bool] = True  # the score of an entity is a probability, not always 1
    has_chain: ClassVar[bool] = False  # its taggers have ``tag_scores``, from which any span gets its probability
    preference: ClassVar[int] = 0  # ``coner train`` chooses the family with the highest one of those that suit the data
    threaded: ClassVar[bool] = True  # a tagger uses several cores

    def load(self, folder: Path, manifest: Any) -> Tagger:
        """Open a model folder whose files were checked; by default with ``load`` of the family's ``tagger.py``."""
        tagger: Tagger = import_module(f"{type(self).__module__}.tagger").load(folder, manifest)
        return tagger

    def recipe(self, settings: Any, spending: Spending | None = None) -> Recipe:
        """The recipe of ``coner train``; ``ConfigError`` if spending is limited and the family calls no endpoint."""
        from coner.families.recipe import Training

        (spending or Spending()).require_none(f"a config of kind {self.kind}")
        return Training(settings)

    def fit(self, settings: Any, job: TrainingJob) -> Built:
        """Fit a tagger and save it in the folder of the job."""
        raise ConfigError(f"kind = {self.kind!r} has nothing to train")

    def suits(self, train: Sequence[Sentence]) -> tuple[bool, str]:
        """Whether to choose it for training data if no family is named, and why, or why not."""
        return False, ""

    def suggest(self, values: Mapping[str, Any], train: Sequence[Sentence]) -> dict[str, Any]:
        """Settings for training data, given those that the user sets, which take precedence."""
        return {}

    def quick(self, values: Mapping[str, Any], train: Sequence[Sentence]) -> dict[str, Any]:
        """As ``suggest``, for when many taggers are trained and time matters more than the last point of F1."""
        return self.suggest(values, train)

    def identity(self, settings: Any) -> dict[str, Any]:
        """What a fitted tagger depends on besides the data: the settings, and hashes of the files that they name."""
        return settings.model_dump(mode="json", exclude={"name", "data", "knowledge"})  # type: ignore[no-any-return]

    def knowledge(self, settings: Any) -> KnowledgeSettings | None:
        """The settings of its knowledge base; ``None`` if it uses none."""
        section: KnowledgeSettings | None = settings.knowledge if "knowledge" in self.settings.model_fields else None
        return section if section is not None and section.base is not None else None

    def release(self, settings: Any) -> None:
        """Release the waiting processes; called by the first one if there is nothing to train."""

    def epochs(self, settings: Any) -> int:
        """Number of epochs, after each of which ``TrainingJob.on_epoch`` is called; 0: never."""
        return 0
