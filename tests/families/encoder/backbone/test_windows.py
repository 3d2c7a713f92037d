"""A sentence of many windows is trained and tagged in passes of bounded size, with the results of a single pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone import windows
from coner.families.family import TrainingJob
from coner.families.settings import parse_experiment
from coner.families.span.fit import prepare as prepare_span
from helpers.rivers import TAXONOMY
from helpers.tiny_training import tuning_of

LONG = Sentence(
    tuple(["the", "rhine", "flows", "through", "basel"] * 40), (Entity(1, 2, "River"), Entity(4, 5, "City"))
)
Gradients = dict[str, Tensor]
Make = Callable[..., Any]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(sentences: list[Sentence], *, kind: str = "encoder", pieces: int = 4096) -> Any:
        settings = settings_for(train={"batch_pieces": pieces, "batch": 1})
        if kind == "encoder":
            return tuning_of(settings, tmp_path, train=sentences)
        values = {"kind": "span", "encoder": settings.encoder.model_dump(), "span": {"max_words": 2, "dropout": 0.0}}
        span = parse_experiment({**values, "train": settings.train.model_dump()})
        job = TrainingJob(
            train=sentences, dev=sentences, taxonomy=TAXONOMY, folder=tmp_path, fingerprint="x", log=print
        )
        return prepare_span(span, job)

    return make


def passes(tuning: Any) -> list[int]:
    """The pieces of each pass of the encoder from now on, with padding."""
    sizes: list[int] = []
    tuning.tagger.encoder.get_input_embeddings().register_forward_pre_hook(
        lambda _module, inputs: sizes.append(inputs[0].numel())
    )
    return sizes


def gradients(tuning: Any, *, dropout: bool) -> Gradients:
    network = tuning.tagger.network.train(dropout)
    torch.manual_seed(1)
    loss = sum(tuning.trainer.objective.losses([0]).values())
    loss.backward()
    found = {name: value.grad for name, value in network.named_parameters() if value.grad is not None}
    network.zero_grad()
    return found


@pytest.mark.parametrize("kind", ["encoder", "span"])
def test_gradients_and_entities_equal_those_of_one_pass(kind: str, tuning_for: Make) -> None:
    torch.manual_seed(0)
    whole = tuning_for([LONG], kind=kind)
    torch.manual_seed(0)
    parts = tuning_for([LONG], kind=kind, pieces=90)
    sizes = passes(parts)
    expected, found = (gradients(tuning, dropout=False) for tuning in (whole, parts))
    assert max(sizes) <= 90 < sum(sizes) / 2
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-4, msg=name)
    assert parts.tagger.tag([LONG]) == whole.tagger.tag([LONG])


def test_a_pass_that_is_computed_again_drops_the_same_values(tuning_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    tuning = tuning_for([LONG], pieces=90)
    found = gradients(tuning, dropout=True)
    monkeypatch.setattr(windows, "checkpoint", lambda run, *inputs, use_reentrant: run(*inputs))
    for name, value in gradients(tuning, dropout=True).items():
        torch.testing.assert_close(found[name], value, msg=name)


@pytest.mark.parametrize("kind", ["encoder", "span"])
def test_the_work_for_a_word_does_not_grow_with_the_sentence(kind: str, tuning_for: Make) -> None:
    each = []
    for times in (1, 10):
        long = Sentence(LONG.words * times, LONG.entities)
        tuning = tuning_for([long], kind=kind, pieces=90)
        sizes = passes(tuning)
        gradients(tuning, dropout=True)
        assert max(sizes) <= 90
        each.append(sum(sizes) / len(long))
    assert each[1] == pytest.approx(each[0], rel=0.1)
