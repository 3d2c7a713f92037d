"""The layout of words and pieces in a batch, compared with plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pretrained import load_encoder
from helpers.layouts import word_layout

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(LENGTHS)
def test_neighbours_are_in_the_same_sentence_and_edges_point_to_themselves(lengths: list[int]) -> None:
    layout = word_layout(lengths)
    previous, following, word = [], [], 0
    for length in lengths:
        for i in range(length):
            previous.append(word - (i > 0))
            following.append(word + (i < length - 1))
            word += 1
    assert layout.previous.tolist() == previous
    assert layout.following.tolist() == following


@given(LENGTHS)
def test_padding_and_flattening_are_inverse(lengths: list[int]) -> None:
    layout = word_layout(lengths)
    words = torch.arange(sum(lengths), dtype=torch.float32)[:, None]
    padded = layout.padded(words)
    assert padded.shape == (len(lengths), max(lengths), 1)
    assert torch.equal(layout.flat(padded), words)
    start = 0
    for row, length in zip(padded, lengths, strict=True):
        assert row[:length, 0].tolist() == list(range(start, start + length))
        start += length


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 60))
def test_split_by_budget_has_every_sentence_once(lengths: list[int], budget: int) -> None:
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    runs = split_by_budget(order, lengths, budget)
    assert [i for run in runs for i in run] == order
    for run in runs:
        assert len(run) == 1 or max(lengths[i] for i in run) * len(run) <= budget


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 60), st.integers(1, 60))
def test_a_run_of_enough_pieces_ends_before_a_longer_sentence(lengths: list[int], budget: int, enough: int) -> None:
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    runs = [[lengths[i] for i in run] for run in split_by_budget(order, lengths, budget, enough=enough)]
    assert [length for run in runs for length in run] == sorted(lengths)
    for run, following in zip(runs, [*runs[1:], [0]], strict=True):
        assert len(run) == 1 or run[-1] * len(run) <= budget
        shorter = [length for length in run if length < run[-1]]
        assert not shorter or shorter[-1] * len(shorter) < enough
        # No run ends without need.
        size, longer = run[-1] * len(run), following[0]
        assert not longer or longer * (len(run) + 1) > budget or (size >= enough and longer > run[-1])


def test_word_indices_point_at_their_pieces(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder("mbert")))
    maker = PieceMaker(tokenizer, limit=piece_limit(encoder.config), overlap=0.5)
    sentences = [["the", "rhine", "flows"], ["dvořák"] * 60, ["a"], ["rotterdam"]]
    made = maker(sentences)
    batch = collate(made, maker)
    flat = batch.ids.flatten()
    assert flat[batch.pieces.every].tolist() == [i for pieces in made for i in pieces.ids]
    start, word = 0, 0
    for pieces in made:
        for count in pieces.counts:
            assert flat[batch.pieces.first[word]] == flat[batch.pieces.every[start]]
            assert flat[batch.pieces.last[word]] == flat[batch.pieces.every[start + count - 1]]
            assert batch.pieces.word[start : start + count].tolist() == [word] * count
            start, word = start + count, word + 1
    real = batch.ids[batch.mask.bool()]
    assert real.tolist().count(maker.prefix[0]) == len(batch.ids)  # each row begins with the special token
    assert batch.ids.shape[0] > len(sentences)  # the long sentence takes several rows
    assert batch.ids.shape[1] <= piece_limit(encoder.config)
