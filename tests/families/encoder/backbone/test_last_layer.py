"""The last layer at the rows that are read equals the same rows of the whole layer, for every architecture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from coner.families.encoder.backbone.architectures import KEYS
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.last_layer import prepare
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.backbone.windows import Windows
from helpers import tiny
from helpers.rivers import TAXONOMY
from helpers.tiny_training import untrained

SELECTED = {
    *("bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "electra", "ernie", "rembert", "roberta"),
    *("roformer", "xlm-roberta", "xlm-roberta-xl"),
}
LAYERS = tiny.SHAPE["num_hidden_layers"]
SENTENCES = [["the", "rhine", "rotterdam"], ["dvořák"], ["a", "b"] * 5]


def prepared(kind: str, root: Path, folder: Path) -> tuple[torch.nn.Module, Batch]:
    encoder, tokenizer = load_encoder(str(tiny.other(kind, root, folder)))
    prepare(encoder)
    prepare(encoder)  # as for a second tagger around it
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config))
    return encoder.eval(), collate(maker(SENTENCES), maker)


def whole(encoder: torch.nn.Module, batch: Batch) -> Tensor:
    """As transformers computes it. R x P x H"""
    state: Tensor = encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    return state


@pytest.mark.parametrize("kind", sorted(KEYS))
@torch.no_grad()
def test_rows_equal_those_of_the_whole_layer(kind: str, tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder, batch = prepared(kind, tiny_encoder("mbert").parent, tmp_path / "encoder")
    last, rows = int(encoder.config.num_hidden_layers), batch.pieces.first  # type: ignore[union-attr, arg-type]
    states = Windows()(encoder, batch, [last, last - 1], rows=rows)
    assert (states[last].dim() == 2) == (kind in SELECTED)
    assert states[last - 1].shape[:2] == batch.ids.shape  # is read whole by the last one
    found = states[last] if kind in SELECTED else states[last].flatten(0, 1)[rows]
    torch.testing.assert_close(found, whole(encoder, batch).flatten(0, 1)[rows])
    everywhere = Windows()(encoder, batch, [last])[last]
    torch.testing.assert_close(everywhere, whole(encoder, batch))


def test_training_computes_all_rows_and_tagging_those_of_the_words(settings_for: Callable[..., Any]) -> None:
    tagger = untrained(settings_for("mbert"), TAXONOMY)
    network, batch = tagger.network, tagger.collate(tagger.pieces(SENTENCES))
    rows: list[int] = []
    output = network.encoder.encoder.layer[-1].output
    output.register_forward_hook(lambda _module, _inputs, out: rows.append(out[..., 0].numel()))
    with torch.no_grad():
        for training in (True, False):
            network.train(training)(batch)
    assert rows == [batch.ids.numel(), sum(map(len, SENTENCES))]


def test_threads_do_not_share_their_rows(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder, batch = prepared("bert", tiny_encoder("mbert").parent, tmp_path / "encoder")
    choices = [torch.tensor([i, 2 * i, 0]) for i in range(8)]

    @torch.no_grad()
    def run(rows: Tensor) -> Tensor:
        return Windows()(encoder, batch, [LAYERS], rows=rows)[LAYERS]

    with ThreadPoolExecutor(4) as pool, torch.no_grad():
        for rows, found in zip(choices * 5, pool.map(run, choices * 5), strict=True):
            torch.testing.assert_close(found, whole(encoder, batch).flatten(0, 1)[rows])
