"""Pooling of pieces to words, and the choice of hidden layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.core.errors import ConfigError
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.pretrained import load_encoder


@pytest.mark.parametrize("method", ["first", "mean", "first_last"])
def test_pooling_methods_by_hand(method: Any, tiny_encoder: Callable[[str], Path]) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder("mbert")))
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))
    sentence = ["rotterdam", "rhine"]
    batch, pooling = collate(maker([sentence]), maker), Pooling([-1], method)
    with torch.no_grad():
        states = encoder(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True).hidden_states
    (words,) = pooling(states, batch.pieces)
    start, expected = len(maker.prefix), []
    for count in maker([sentence])[0].counts:
        assert count > 1  # otherwise the methods would not differ
        own = states[-1][0][start : start + count]
        expected.append({"first": own[0], "mean": own.mean(0), "first_last": torch.cat([own[0], own[-1]])}[method])
        start += count
    assert torch.allclose(words, torch.stack(expected), atol=1e-6)
    assert words.shape[1] == pooling.size(encoder.config.hidden_size)


def test_layers_count_from_either_end() -> None:
    assert hidden_layers((-1, -2, 0), 3) == [3, 2, 0]
    assert hidden_layers("all", 3) == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match=r"head.layers: got -5; expected 0 \(embeddings\) to 3"):
        hidden_layers((-1, -5), 3)
