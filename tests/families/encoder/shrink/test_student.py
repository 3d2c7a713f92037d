"""A student begins with layers of its teacher, learns its output, and resumes exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from coner.core.errors import ConfigError
from coner.core.progress import SilentLog
from coner.core.types import Sentence
from coner.data import ConllLayout, write_conll
from coner.families import load
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.shrink import targets
from coner.families.encoder.shrink.layers import make_student, matched_layers
from coner.families.encoder.shrink.objective import ShrinkObjective, emissions_loss, states_loss
from coner.families.encoder.shrink.recipe import ShrinkOptions, ShrinkRecipe
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.family import TrainingJob
from helpers.rivers import SENTENCES, TAXONOMY
from helpers.tiny import MAKERS
from helpers.tiny_training import PowerCut, cut_before, history_without_times, untrained

CPU = torch.device("cpu")
TEXT = [Sentence(("the", "city", "of", "basel")), Sentence(("cologne",))]


@pytest.fixture
def teacher_of(settings_for: Callable[..., Any]) -> Callable[..., EncoderTagger]:
    def make(architecture: str = "mbert", **sections: Any) -> EncoderTagger:
        torch.manual_seed(5)
        tagger = untrained(settings_for(architecture, **sections), TAXONOMY)
        with torch.no_grad():
            tagger.network.emissions.weight.mul_(8)
        tagger.network.eval()
        return tagger

    return make


def outputs(tagger: EncoderTagger) -> tuple[Tensor, ...]:
    """Emissions and hidden states of the sentences."""
    batch = targets.collate(tagger.pieces([s.words for s in SENTENCES]), tagger.pieces)
    with torch.no_grad():
        inputs = {"input_ids": batch.ids, "attention_mask": batch.mask}
        states = tagger.encoder(**inputs, output_hidden_states=True).hidden_states
        return tagger.network(batch)[0, : len(SENTENCES[0])], *states


def student_of(teacher: EncoderTagger, layers: int) -> EncoderTagger:
    """A student that has learned nothing yet."""
    encoder = teacher.settings.encoder.model_copy(update={"keep_layers": layers})
    settings = teacher.settings.model_copy(update={"encoder": encoder})
    student = make_student(teacher, teacher.manifest.model_copy(update={"settings": settings}), CPU)
    student.network.eval()
    return student


@torch.no_grad()
def values(objective: ShrinkObjective, examples: Sequence[int]) -> dict[str, float]:
    """The losses on these sentences."""
    return {name: float(loss) for name, loss in objective.losses(examples).items()}


@pytest.mark.parametrize(
    ("count", "total", "matched"),
    [
        (None, 6, (1, 3, 5)),
        (None, 12, (1, 3, 5, 7, 9, 11)),
        (None, 3, (2,)),
        (4, 6, (1, 2, 4, 5)),
        (5, 6, (1, 2, 3, 4, 5)),
        (1, 6, (5,)),
    ],
)
def test_layers_are_compared_with_the_ends_of_equal_blocks(
    count: int | None, total: int, matched: Sequence[int]
) -> None:
    assert matched_layers(count, total) == tuple(matched)


@pytest.mark.parametrize("count", [0, 6, 7])
def test_a_student_has_fewer_layers(count: int) -> None:
    with pytest.raises(ConfigError, match=rf"--layers: got {count}; expected 1 to 5, as the teacher has 6"):
        matched_layers(count, 6)
    with pytest.raises(ConfigError, match="the teacher has 1, and none to leave out"):
        matched_layers(None, 1)


@pytest.mark.parametrize("architecture", MAKERS)
def test_a_student_begins_as_its_teacher_without_the_upper_layers(
    teacher_of: Callable[..., EncoderTagger], architecture: str, tmp_path: Path
) -> None:
    teacher = teacher_of(architecture)
    student = student_of(teacher, 2)
    without = deepcopy(teacher.network)
    (layers,) = (m for m in without.encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == 3)
    del layers[2]
    without.pooling = Pooling([2], "first")  # the last one
    expected = EncoderTagger.of(without, teacher.pieces.tokenizer, teacher.manifest)
    assert len(outputs(student)) == 4
    for own, other in zip(outputs(student), outputs(expected), strict=True):
        torch.testing.assert_close(own, other)
    student.save(tmp_path / "student")
    assert load(tmp_path / "student").tag(SENTENCES) == student.tag(SENTENCES)
    assert not {p.data_ptr() for p in student.network.parameters()} & {p.data_ptr() for p in without.parameters()}


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_a_student_that_equals_its_teacher_has_nothing_to_learn_from_it(
    teacher_of: Callable[..., EncoderTagger], decoder: str
) -> None:
    teacher = teacher_of(head={"decoder": decoder})
    student = student_of(teacher, 3)
    objective = ShrinkObjective(student, SENTENCES, teacher=teacher, matched=(0, 1, 2))
    for stored in (False, True):
        if stored:
            objective.prepare()
        losses = values(objective, [2, 0, 1])
        assert losses == {"emissions": pytest.approx(0, abs=1e-5), "states": pytest.approx(0, abs=1e-5)} | {
            "gold": losses["gold"]
        }
        assert losses["gold"] > 0.1


def test_sentences_without_labels_count_for_the_teacher_only(teacher_of: Callable[..., EncoderTagger]) -> None:
    teacher = teacher_of()
    student = student_of(teacher, 1)
    whole = ShrinkObjective(student, [*SENTENCES, *TEXT], [0.5] * 6, teacher=teacher, matched=(2,))
    one_by_one = [values(whole, [i]) for i in range(6)]
    assert [row["gold"] > 0 for row in one_by_one] == [True] * 4 + [False] * 2
    assert all(row["emissions"] > 0 and row["states"] > 0 for row in one_by_one)
    together = values(whole, [4, 0, 5, 1, 2, 3])
    sums = {name: sum(row[name] for row in one_by_one) for name in whole.names}
    assert together == pytest.approx(sums, rel=1e-4, abs=1e-5)  # a divergence this small has few exact digits
    assert whole.size([0, 4]) == len(SENTENCES[0]) + len(TEXT[0])
    layout = targets.collate(student.pieces([s.words for s in SENTENCES]), student.pieces)
    expected = student.network.losses(layout, whole.fine.gold(range(4), CPU))["fine"]
    assert together["gold"] == pytest.approx(0.5 * float(expected.detach()), rel=1e-4)


def test_stored_targets_are_those_of_each_batch(
    teacher_of: Callable[..., EncoderTagger], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = teacher_of(encoder={"pooling": "first_last"})
    made = targets.Teacher(teacher, (0, 2), SENTENCES)
    chosen = [3, 0, 2]
    batch = targets.collate(teacher.pieces([SENTENCES[i].words for i in chosen]), teacher.pieces)
    monkeypatch.setattr(targets, "MAX_STORED", made.bytes - 1)
    made.store()
    live = made(batch, chosen)
    size = made.bytes
    monkeypatch.setattr(targets, "MAX_STORED", size)
    monkeypatch.setattr(targets, "CHUNK", 3)
    made.store()
    monkeypatch.setattr(teacher, "network", None)
    stored = made(batch, chosen)
    torch.testing.assert_close(stored.emissions, live.emissions)
    torch.testing.assert_close(stored.states, live.states)
    words, all_words = len(stored.emissions), sum(map(len, SENTENCES))
    assert size == 4 * (stored.emissions.numel() + stored.states.numel()) * all_words / words


def test_distances_are_those_of_the_definition_with_their_gradients() -> None:
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(3, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = 0.0
    for own, other in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = ([math.exp(x / 3) / sum(math.exp(y / 3) for y in row) for x in row] for row in (other, own))
        expected += 9 * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert float(emissions_loss(student, teacher, 3.0)) == pytest.approx(expected)
    assert float(emissions_loss(teacher + torch.randn(3, 1, dtype=torch.float64), teacher)) == pytest.approx(0)
    assert torch.autograd.gradcheck(lambda x: emissions_loss(x, teacher, 3.0), student.requires_grad_())
    student, teacher = (torch.randn(4, 2, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    pairs = [(student[n, i], teacher[n, i]) for n in range(4) for i in range(2)]
    expected = sum(float((a - b).norm() ** 2 / b.norm() ** 2) for a, b in pairs) / 2
    assert float(states_loss(student, teacher)) == pytest.approx(expected)
    assert float(states_loss(7 * student, 7 * teacher)) == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda x: states_loss(x, teacher), student.requires_grad_())


def shrinking(teacher: EncoderTagger, folder: Path) -> tuple[ShrinkRecipe, Callable[[str], FineTuning[EncoderTagger]]]:
    """The recipe of a student, and a function that prepares its training in a folder."""
    teacher.save(folder / "teacher")
    for name, sentences in (("train", SENTENCES * 2), ("dev", SENTENCES)):
        with (folder / f"{name}.conll").open("w", encoding="utf-8") as handle:
            write_conll(sentences, handle, ConllLayout, "iob2")
    (folder / "more.txt").write_text("basel and cologne\nthe north sea\n")
    data = {"train": folder / "train.conll", "dev": folder / "dev.conll"}
    overrides = ("train.epochs=3", "train.batch=4")
    recipe = ShrinkRecipe(ShrinkOptions(folder / "teacher", 2, data, [folder / "more.txt"], overrides), folder / "out")

    def prepare(name: str) -> FineTuning[EncoderTagger]:
        (folder / name).mkdir(exist_ok=True)
        train, dev = recipe.inputs.splits["train"], recipe.inputs.splits["dev"]
        place = {"folder": folder / name, "fingerprint": "x", "log": SilentLog()}
        job = TrainingJob(**place, train=train.sentences, dev=dev.sentences, taxonomy=TAXONOMY, weights=train.weights)
        return recipe.prepare(job)

    return recipe, prepare


def test_an_interrupted_student_resumes_exactly(teacher_of: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    _, prepare = shrinking(teacher_of(head={"dropout": 0.2}), tmp_path)
    whole = prepare("whole")
    assert whole.trainer.steps == 3  # eight sentences with labels and two without
    whole.run()
    cut = prepare("cut")
    cut_before(cut.trainer, steps=4)
    with pytest.raises(PowerCut):
        cut.run()
    resumed = prepare("cut")
    resumed.run()
    assert history_without_times(resumed.trainer) == history_without_times(whole.trainer)
    for own, other in zip(resumed.tagger.network.parameters(), whole.tagger.network.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=0)


def test_a_student_takes_over_its_teachers_settings_except_those_of_its_data(
    teacher_of: Callable[..., EncoderTagger], tmp_path: Path
) -> None:
    train = {"epochs": 1, "clip": 0.5, "groups": {"encoder": {"rate": 2e-3}}, "init": "elsewhere"}
    head, encoder = {"scheme": "bioes", "consistency": 1.0}, {"freeze_layers": 3}
    teacher = teacher_of(train=train, head=head, encoder=encoder, auxiliary={"schedule": "residual"}, seed=9)
    settings = shrinking(teacher, tmp_path)[0].settings
    own = teacher.settings
    assert settings.head == own.head.model_copy(update={"consistency": 0.0})
    assert settings.seed == 9
    assert settings.encoder == own.encoder.model_copy(update={"keep_layers": 2, "freeze_layers": 0})
    assert (settings.train.groups, settings.train.clip) == (own.train.groups, 0.5)
    assert (settings.train.epochs, settings.train.batch, settings.train.init) == (3, 4, None)
    assert settings.auxiliary.schedule == "none"
