"""Two passes with different dropout, and the divergence between them (R-Drop)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.consistency import divergence
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.knowledge import TrainingKnowledge
from helpers.names import knowledge
from helpers.rivers import SENTENCES
from helpers.tiny_training import PowerCut, cut_before, tuning_of

Make = Callable[..., FineTuning]
NAMES = "name,types,description\nrhine,River|City,flows through basel\nsão paulo,City,the city\nbasel,City,\n"
COMBINED: dict[str, dict[str, Any]] = {
    "plain": {},
    "frozen": {"encoder": {"freeze_layers": 2}},
    "vectors": {"knowledge": {"join": "gate"}},
    "text": {"knowledge": {"join": "add", "text": 12}},
    "frozen, vectors": {"encoder": {"freeze_layers": 2}, "knowledge": {"join": "concat"}},
}


class Masks(torch.nn.Module):
    """In place of dropout: the words of each pass, half of all, are multiplied by its mask."""

    def __init__(self, *masks: torch.Tensor) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        passes = zip(words.chunk(len(self.masks)), self.masks, strict=True)
        return torch.cat([part * mask for part, mask in passes])


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(
        folder: str = "run",
        *,
        weights: list[float] | None = None,
        train: dict[str, Any] | None = None,
        other: dict[str, Any] | None = None,
        **head: Any,
    ) -> FineTuning:
        other, known = dict(other or {}), None
        if names := other.pop("knowledge", None):
            base = tmp_path / "names/kb"
            folder_of = base if base.exists() else knowledge(tmp_path / "names", NAMES).folder
            other["knowledge"] = {"base": str(folder_of), "warm_up": 0, **names}
        settings = settings_for(
            head=head,
            auxiliary={"schedule": "constant", "start": 0.4},
            train={"epochs": 2, "batch": 4, "batch_pieces": 24, "checkpoint_minutes": 1e-9, **(train or {})},
            **other,
        )
        if names:
            known = TrainingKnowledge(settings.knowledge.base, settings.knowledge, {})
            known.learn(SENTENCES, SENTENCES)
        return tuning_of(settings, tmp_path / folder, train=SENTENCES, weights=weights, knowledge=known)

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


@pytest.mark.parametrize("other", COMBINED.values(), ids=COMBINED)
def test_losses_of_two_passes_are_those_written_by_hand_and_of_a_batch_those_of_its_sentences(
    tuning_for: Make, other: dict[str, Any]
) -> None:
    weights, examples = [1.0, 0.3, 0.5, 1.7], [0, 1, 3]
    once, twice = (
        tuning_for(f"run {c}", weights=weights, other=other, decoder="softmax", consistency=c) for c in (0.0, 2.0)
    )
    network, single = twice.tagger.network.eval(), once.tagger.network.eval()
    if "knowledge" in other:
        torch.nn.init.normal_(network.knowledge.weight)
    single.load_state_dict(network.state_dict())
    for tuning in (once, twice):
        tuning.compute_frozen()
    masks = torch.rand(2, network.emissions.in_features).round().add(0.5)
    network.dropout = Masks(*masks)

    def of(tuning: FineTuning, some: list[int]) -> dict[str, float]:
        return {name: float(loss.detach()) for name, loss in tuning.trainer.objective.losses(some).items()}

    expected, tags = dict.fromkeys(("fine", "coarse", "consistency"), 0.0), []
    for mask in masks:
        single.dropout = Masks(mask)
        expected |= {name: expected[name] + loss / 2 for name, loss in of(once, examples).items()}
        pieces = [once.trainer.objective.pieces[i] for i in examples]
        scores = single(collate(pieces, once.tagger.pieces, "cpu")).detach()
        tags.append([row[: len(SENTENCES[i])].log_softmax(-1) for i, row in zip(examples, scores, strict=True)])
    for i, p, q in zip(examples, *tags, strict=True):
        both = functional.kl_div(q, p, reduction="sum", log_target=True) + functional.kl_div(
            p, q, reduction="sum", log_target=True
        )
        expected["consistency"] += weights[i] * float(both) / 2
    found = of(twice, examples)
    assert found["consistency"] > 0.01
    assert found == pytest.approx(expected, rel=1e-4)
    alone = [of(twice, [i]) for i in examples]
    assert found == pytest.approx({name: sum(one[name] for one in alone) for name in found}, rel=1e-4)


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


@pytest.mark.parametrize("other", COMBINED.values(), ids=COMBINED)
def test_an_interrupted_run_with_two_passes_resumes_exactly(
    tuning_for: Make, tmp_path: Path, other: dict[str, Any]
) -> None:
    head = {"dropout": 0.3, "consistency": 1.0, "other": other}
    tuning_for("whole", **head).run()
    cut = tuning_for("cut", **head)
    cut_before(cut.trainer, steps=1)
    with pytest.raises(PowerCut):
        cut.run()
    tuning_for("cut", **head).run()
    whole, resumed = (load_file(tmp_path / name / CHECKPOINT) for name in ("whole", "cut"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
