"""Two passes with different dropout, and the divergence between them (R-Drop)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from coner.families.encoder.consistency import divergence
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.fine_tuning import FineTuning
from helpers.rivers import SENTENCES
from helpers.tiny_training import PowerCut, cut_before, tuning_of

Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(
        folder: str = "run", *, weights: list[float] | None = None, train: dict[str, Any] | None = None, **head: Any
    ) -> FineTuning:
        settings = settings_for(
            head=head,
            auxiliary={"schedule": "constant", "start": 0.4},
            train={"epochs": 2, "batch": 4, "batch_pieces": 24, "checkpoint_minutes": 1e-9, **(train or {})},
        )
        return tuning_of(settings, tmp_path / folder, train=SENTENCES, weights=weights)

    return make


def test_divergence_is_the_mean_of_both_kullback_leibler_divergences_weighted_by_sentence() -> None:
    torch.manual_seed(0)
    emissions = torch.randn(2 * 5, 7, dtype=torch.float64, requires_grad=True)  # sentences of 2 and 3 words
    lengths, weights = torch.tensor([2, 3, 2, 3]), [0.5, 2.0, 0.5, 2.0]
    p, q = emissions.softmax(-1).detach().chunk(2)
    both = (functional.kl_div(q.log(), p, reduction="none") + functional.kl_div(p.log(), q, reduction="none")).sum(-1)
    expected = both / 2 @ torch.tensor([0.5, 0.5, 2.0, 2.0, 2.0], dtype=torch.float64)
    assert float(divergence(emissions, lengths, weights).detach()) == pytest.approx(float(expected))
    assert float(divergence(emissions, lengths).detach()) == pytest.approx(float(both.sum() / 2))
    assert torch.autograd.gradcheck(lambda x: divergence(x, lengths, weights), emissions)


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_without_dropout_the_two_passes_agree_and_the_losses_are_those_of_one(tuning_for: Make, decoder: str) -> None:
    weights = [1.0, 0.3, 0.3, 1.7]
    once, twice = (tuning_for(weights=weights, decoder=decoder, consistency=c) for c in (0.0, 2.0))
    losses = []
    for tuning in (once, twice):
        tuning.tagger.network.eval()
        losses.append({name: float(loss.detach()) for name, loss in tuning.trainer.objective.losses([0, 1, 3]).items()})
    assert losses[1] == pytest.approx({**losses[0], "consistency": 0.0}, rel=1e-5, abs=1e-5)


def test_with_dropout_the_divergence_enters_the_minimised_sum(tuning_for: Make) -> None:
    objective = tuning_for(dropout=0.5, consistency=2.0).trainer.objective
    assert objective.names == ("fine", "coarse", "consistency")
    assert objective.weights(0)["consistency"] == 2.0
    assert float(objective.losses([0, 1])["consistency"].detach()) > 0


def test_a_pass_with_both_copies_is_within_the_limit(tuning_for: Make) -> None:
    trainer = tuning_for(consistency=1.0).trainer
    lengths = [len(pieces.ids) for pieces in trainer.objective.pieces]
    passes = trainer.batches.passes(range(len(lengths)))
    assert sorted(i for chosen in passes for i in chosen) == list(range(len(lengths)))
    assert all(len(chosen) == 1 or 2 * sum(lengths[i] for i in chosen) <= 24 for chosen in passes)


def test_the_divergence_is_in_history_log_and_curves_also_with_adversarial_training(tuning_for: Make) -> None:
    tuning = tuning_for(dropout=0.5, consistency=1.0, train={"adversarial": 0.5})
    tuning.run()
    entry, objective = tuning.trainer.progress.history[0], tuning.trainer.objective
    assert entry["consistency_loss"] > 0
    assert f"consistency {entry['consistency_loss']:.4f}" in objective.log_line(entry)
    assert "loss/consistency" in objective.curves({"fine": 1.0, "coarse": 1.0, "consistency": 0.1}, 0)


def test_an_interrupted_run_with_two_passes_resumes_exactly(tuning_for: Make, tmp_path: Path) -> None:
    head = {"dropout": 0.3, "consistency": 1.0}
    tuning_for("whole", **head).run()
    cut = tuning_for("cut", **head)
    cut_before(cut.trainer, steps=1)
    with pytest.raises(PowerCut):
        cut.run()
    tuning_for("cut", **head).run()
    whole, resumed = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
