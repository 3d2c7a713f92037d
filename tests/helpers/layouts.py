"""Layouts of batches without an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.backbone.layout import word_arrays


def word_layout(lengths: Sequence[int]) -> WordLayout:
    """The layout of sentences with these numbers of words, all at least one."""
    return WordLayout(**{name: torch.from_numpy(array) for name, array in word_arrays(lengths).items()})
