"""The sections of a record. Unknown keys are kept; among scores they are ignored."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from coner.evaluation.results import SplitScores


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class DataFile(_Section):
    """A data file, by base name, and the counts of what was read from it."""

    file: str
    sha256: str
    sentences: NonNegativeInt
    words: NonNegativeInt
    mentions: NonNegativeInt
    repaired: NonNegativeInt
    skipped: NonNegativeInt
    weight: float | None = None  # of its sentences, if this is a further training file
    left_out: NonNegativeInt | None = None  # number of its sentences that dev or test has too
    extra: tuple[DataFile, ...] = ()  # further training files


class Intervals(_Section):
    """Bootstrap percentile intervals by the name of the metric."""

    __pydantic_extra__: dict[str, tuple[float, float]] = Field(init=False)
    level: float
    resamples: int

    def of(self, metric: str) -> tuple[float, float] | None:
        """The bounds of a metric, ``None`` where it has no interval."""
        return self.__pydantic_extra__.get(metric)


@dataclass(frozen=True, kw_only=True)
class RecordedScores(SplitScores):
    """Scores on a split with their intervals, and the version of the scorer."""

    __pydantic_config__ = ConfigDict(extra="ignore")

    scorer: str
    intervals: Intervals


class Speed(_Section):
    """Time of tagging a split; ``None`` where the answers of a language model were kept from an earlier start."""

    seconds: float | None = None
    sentences_per_second: float | None = None
    words_per_second: float | None = None


class Times(_Section):
    """Seconds of training, and the speed of tagging by split."""

    __pydantic_extra__: dict[str, Speed] = Field(init=False)
    train_seconds: float | None = None

    def of(self, split: str) -> Speed:
        """The speed on a split; all ``None`` where it was not measured."""
        return self.__pydantic_extra__.get(split, Speed())


class ModelSize(_Section):
    """Number of parameters, and the size of the model's files."""

    parameters: int | None = None
    bytes: int | None = None


class Machine(_Section):
    """Hardware and threads of the run."""

    system: str
    processor: str
    cores: int
    threads: int
    accelerator: str | None = None


class Epoch(_Section):
    """One epoch of training: losses, weight of the coarse loss, macro F1 on dev."""

    epoch: int
    loss: float | None = None
    coarse_loss: float | None = None
    dev_macro_f1: float | None = None
    weight: float | None = None


class Partial(_Section):
    """How many sentences of a split have an answer."""

    answered: NonNegativeInt
    sentences: NonNegativeInt


class LlmUsage(_Section):
    """Usage of a language model on a split, see ``families.usage.Usage.as_record``."""

    calls: int = 0
    retries: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    tokens_per_sentence: float = 0.0
    cost_per_sentence: float = 0.0
    seconds_per_sentence: float = 0.0
    repaired: NonNegativeInt = 0
    dropped: NonNegativeInt = 0
    counts: dict[str, int] = Field(default_factory=dict)
    unanswered: dict[str, NonNegativeInt]
    declined: tuple[str, ...] = ()
    partial: Partial | None = None
