"""Words to pieces and windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit, special_tokens
from coner.families.encoder.backbone.pretrained import load_encoder
from helpers import tiny

WORDS = ("the", "rhine", "flows", "'s", "\u200b", "\ufe0f", "são", "dvořák", "#x", "北", "दिल्ली", "a" * 10_000)


@pytest.fixture(params=sorted(tiny.MAKERS))
def maker(request: pytest.FixtureRequest, tiny_encoder: Callable[[str], Path]) -> PieceMaker:
    encoder, tokenizer = load_encoder(str(tiny_encoder(request.param)))
    return PieceMaker(tokenizer, limit=piece_limit(encoder.config))


def test_every_word_has_at_least_one_piece(maker: PieceMaker) -> None:
    (pieces,) = maker([WORDS])
    assert len(pieces.counts) == len(WORDS)
    assert min(pieces.counts) >= 1
    assert sum(pieces.counts) == len(pieces.ids)


def test_words_are_tokenized_as_in_the_middle_of_a_text(maker: PieceMaker) -> None:
    """The tokenizer itself makes the same pieces from running text, after the first word."""
    words = ["the", "rhine", "flows", "through", "basel"]
    text = maker.tokenizer(" " + " ".join(words), add_special_tokens=False)["input_ids"]
    (pieces,) = maker([words])
    assert pieces.ids == text


def test_special_tokens_are_those_of_the_tokenizer(maker: PieceMaker) -> None:
    tokenizer = maker.tokenizer
    first, last = special_tokens(tokenizer)
    names = tokenizer.convert_ids_to_tokens([*first, *last])
    assert names in (["<s>", "</s>"], ["[CLS]", "[SEP]"])


def test_cached_words_give_the_same_pieces(maker: PieceMaker) -> None:
    sentence = ["the", "rhine", "\u200b", "the"]
    assert maker([sentence]) == maker([sentence, ["flows"]])[:1] == maker([sentence])


def test_pieces_do_not_depend_on_other_calls_of_the_tokenizer(maker: PieceMaker) -> None:
    """Truncation and padding of one call stay set in the library."""
    tokenizer, words = maker.tokenizer, ["the", "rhine", "dvořák", "x" * 100]
    expected = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    tokenizer(["a b c d", "a"], padding=True, truncation=True, max_length=4)  # type: ignore[call-arg]
    (pieces,) = maker([words])
    assert pieces.ids == [i for ids in expected for i in ids]
    assert pieces.counts == list(map(len, expected))


def test_lowercase_applies_before_the_tokenizer(tiny_encoder: Callable[[str], Path]) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder("roberta")))
    limit = piece_limit(encoder.config)
    plain, lower = PieceMaker(tokenizer, limit=limit), PieceMaker(tokenizer, limit=limit, lowercase=True)
    assert lower([["RHINE"]]) == plain([["rhine"]]) != plain([["RHINE"]])


def test_limit_excludes_positions_reserved_for_padding(tiny_encoder: Callable[[str], Path]) -> None:
    limits = {name: piece_limit(load_encoder(str(tiny_encoder(name)))[0].config) for name in tiny.MAKERS}
    shape = tiny.SHAPE["max_position_embeddings"]
    counted_from_padding = {"xlm_roberta", "roberta", "mpnet"}
    assert limits == {name: shape - 2 if name in counted_from_padding else shape for name in tiny.MAKERS}


class Plain(PieceMaker):
    """A piece maker with a window and a stride only."""

    def __init__(self, window: int, stride: int) -> None:
        self.window, self.stride = window, stride


@given(window=st.integers(1, 40), stride=st.data(), pieces=st.integers(1, 300))
@settings(max_examples=300, deadline=None)
def test_windows_keep_each_piece_once_where_its_context_is_widest(
    window: int, stride: st.DataObject, pieces: int
) -> None:
    maker = Plain(window, stride.draw(st.integers(1, window)))
    windows = maker.windows(pieces)
    kept = [piece for w in windows for piece in range(w.keep_from, w.keep_to)]
    assert kept == list(range(pieces))
    for w in windows:
        assert 0 <= w.start <= w.keep_from <= w.keep_to <= w.end <= pieces
        assert w.end - w.start == min(window, pieces)
        for piece in range(w.keep_from, w.keep_to):
            context = min(piece - w.start if w.start else pieces, w.end - 1 - piece if w.end < pieces else pieces)
            others = [
                min(piece - o.start if o.start else pieces, o.end - 1 - piece if o.end < pieces else pieces)
                for o in windows
                if o.start <= piece < o.end
            ]
            assert context >= max(others) - 1  # a tie in the middle may go either way
