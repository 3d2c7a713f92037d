"""The span classifier: every short span once, a batch equal to its sentences, and a corpus that is memorised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import coner
from coner.core.errors import ConfigError, ModelError
from coner.core.progress import SilentLog
from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.batch import collate
from coner.families.family import TrainingJob
from coner.families.manifest import read_manifest
from coner.families.recipe import Training
from coner.families.registry import family
from coner.families.settings import parse_experiment
from coner.families.span.fit import longest_span, prepare
from coner.families.span.network import CosineScores
from coner.families.span.spans import enumerate_spans, gold_labels
from coner.families.span.tagger import SpanTagger
from coner.runs.train import fit, sentence_inputs
from helpers.layouts import word_layout
from helpers.rivers import SENTENCES as FOUR
from helpers.rivers import TAXONOMY

SENTENCES = FOUR * 3
RATES = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}


@pytest.fixture
def job_for(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[Any, TrainingJob]]:
    """Settings of a span classifier over a tiny encoder, and its job."""

    def make(**sections: Any) -> tuple[Any, TrainingJob]:
        train = {"precision": "float32", "device": "cpu", "batch": 4, "groups": RATES, **sections.pop("train", {})}
        values = {"kind": "span", "encoder": {"name": str(tiny_encoder("mbert"))}, "train": train, **sections}
        job = TrainingJob(
            train=SENTENCES, dev=SENTENCES[:4], taxonomy=TAXONOMY, folder=tmp_path, fingerprint="x", log=SilentLog()
        )
        return parse_experiment(values), job

    return make


@pytest.fixture
def untrained(job_for: Callable[..., tuple[Any, TrainingJob]]) -> SpanTagger:
    """A tagger with random weights that finds entities."""
    torch.manual_seed(0)
    tagger = prepare(*job_for(span={"max_words": 3, "dropout": 0.0})).tagger
    with torch.no_grad():
        scores = tagger.network.emissions.scores
        assert isinstance(scores, nn.Linear)
        scores.weight.mul_(30)
        scores.bias.zero_()
    tagger.threshold = 0.2
    return tagger


@pytest.mark.parametrize("lengths", [[1], [5, 1, 3], [2, 2]])
@pytest.mark.parametrize("max_words", [1, 3, 8])
def test_every_span_of_up_to_max_words_occurs_once(lengths: list[int], max_words: int) -> None:
    spans = enumerate_spans(word_layout(lengths), max_words)
    before = [sum(lengths[:b]) for b in range(len(lengths))]
    expected = [
        (b, start, before[b] + start, before[b] + start + length - 1, length)
        for b, words in enumerate(lengths)
        for start in range(words)
        for length in range(1, min(max_words, words - start) + 1)
    ]
    columns = (spans.sentence, spans.start, spans.first, spans.last, spans.length)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    for number, (_, _, first, _, length) in enumerate(expected):
        assert spans.number[first, length - 1] == number
    assert int((spans.number >= 0).sum()) == len(expected)


def test_gold_labels_are_at_their_spans_and_longer_mentions_are_left_out() -> None:
    words = word_layout([4, 2])
    spans = enumerate_spans(words, 2)
    gold = [[Entity(0, 1, "A"), Entity(1, 4, "A")], [Entity(0, 2, "B")]]
    labels = gold_labels(spans, words, gold, {"A": 1, "B": 2})
    rows = zip(spans.sentence.tolist(), spans.start.tolist(), spans.length.tolist(), labels.tolist(), strict=True)
    assert [row for row in rows if row[3]] == [(0, 0, 1, 1), (1, 0, 2, 2)]


def test_a_batch_equals_its_sentences_one_by_one(untrained: SpanTagger) -> None:
    network = untrained.network.eval()
    pieces = untrained.pieces([sentence.words for sentence in FOUR])
    with torch.inference_mode():
        _, together = network(collate(pieces, untrained.pieces))
        alone = [network(collate([one], untrained.pieces))[1] for one in pieces]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_entities_are_sorted_and_disjoint_and_do_not_depend_on_the_batch(untrained: SpanTagger) -> None:
    long = Sentence(("the", "rhine", "flows") * 40)  # longer than the encoder's window
    sentences = [*FOUR, long, Sentence(())]
    together = untrained.tag(sentences)
    assert sum(map(len, together)) > 5
    for sentence, entities in zip(sentences, together, strict=True):
        [alone] = untrained.tag([sentence])
        assert alone == entities
        assert [e.score for e in alone] == pytest.approx([e.score for e in entities], abs=1e-4)
        reached = 0
        for entity in entities:
            assert reached <= entity.start < entity.end <= len(sentence)
            assert entity.end - entity.start <= 3
            assert 0.2 < entity.score <= 1
            reached = entity.end


@pytest.mark.parametrize("scores", ["linear", "cosine"])
def test_every_parameter_gets_a_gradient(job_for: Callable[..., tuple[Any, TrainingJob]], scores: str) -> None:
    tuning = prepare(*job_for(span={"scores": scores, "max_words": 3}))
    tagger = tuning.tagger
    tagger.network.train()
    loss = tuning.trainer.objective.losses(range(len(SENTENCES)))["loss"]
    loss.backward()
    for name, parameter in tagger.network.named_parameters():
        if "pooler" not in name:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_loss_is_the_cross_entropy_of_all_spans_weighted_by_sentence(
    job_for: Callable[..., tuple[Any, TrainingJob]],
) -> None:
    settings, job = job_for(span={"max_words": 2, "dropout": 0.0})
    tuning = prepare(settings, replace(job, train=FOUR, dev=FOUR, weights=[1.0, 0.5, 2.0, 0]))
    tagger = tuning.tagger
    tagger.network.eval()
    expected = 0.0
    with torch.inference_mode():
        for sentence, weight in zip(FOUR, (1.0, 0.5, 2.0, 0.0), strict=True):
            spans, scores = tagger.network(collate(tagger.pieces([sentence.words]), tagger.pieces))
            gold = {(e.start, e.end): tagger.ids[e.label] for e in sentence.entities or ()}
            for start, length, row in zip(spans.start.tolist(), spans.length.tolist(), scores, strict=True):
                expected -= weight * float(row.log_softmax(-1)[gold.get((start, start + length), 0)])
        loss = tuning.trainer.objective.losses(range(4))["loss"]
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    assert tuning.trainer.objective.size(range(4)) == 5 + 0.5 * 5 + 2 * 1


def test_cosines_do_not_depend_on_the_length_of_a_vector() -> None:
    scores, vectors = CosineScores(4, 3), torch.randn(5, 4)
    torch.testing.assert_close(scores(vectors), scores(7 * vectors))
    assert float((scores(vectors) - scores.bias).detach().abs().max()) <= float(scores.scale.detach()) + 1e-5


@pytest.mark.parametrize("scores", ["linear", "cosine"])
def test_a_small_corpus_can_be_memorised_and_the_saved_tagger_predicts_the_same(
    job_for: Callable[..., tuple[Any, TrainingJob]], scores: str, tmp_path: Path
) -> None:
    settings, job = job_for(train={"epochs": 25, "groups": RATES}, span={"scores": scores})
    built = family("span").fit(settings, job)
    gold = [list(sentence.entities or ()) for sentence in SENTENCES]
    assert built.tagger.tag(SENTENCES) == gold
    assert built.facts["max_words"] == 2
    assert {trial["threshold"] for trial in built.facts["trials"]} == set(settings.span.thresholds)
    loaded = coner.load(tmp_path)
    assert isinstance(loaded, SpanTagger)
    assert loaded.threshold == built.facts["threshold"]
    assert loaded.tag(SENTENCES) == gold
    assert [[e.score for e in row] for row in loaded.tag(SENTENCES)] == [
        [pytest.approx(e.score, abs=1e-6) for e in row] for row in built.tagger.tag(SENTENCES)
    ]


def test_training_from_sentences_in_memory_needs_no_folder(job_for: Callable[..., tuple[Any, TrainingJob]]) -> None:
    settings, _ = job_for(train={"epochs": 1})
    tagger = fit(Training(settings, sentence_inputs(settings.data, SENTENCES, SENTENCES[:4])), log=SilentLog())
    assert tagger.kind == "span"
    assert len(tagger.tag(FOUR)) == 4


def test_the_longest_mention_in_a_thousand_does_not_set_max_words() -> None:
    def mention(words: int) -> Sentence:
        return Sentence(("x",) * words, (Entity(0, words, "A"),))

    assert longest_span([mention(1), mention(4)]) == 4
    assert longest_span([mention(2)] * 1500 + [mention(30)]) == 2
    assert longest_span([mention(500)]) == 64


def test_a_damaged_folder_and_wrong_settings_are_one_line(
    job_for: Callable[..., tuple[Any, TrainingJob]], tmp_path: Path
) -> None:
    settings, job = job_for(train={"epochs": 1})
    family("span").fit(settings, job)
    manifest = tmp_path / "model.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace(f'"max_words": {read_manifest(tmp_path).model_dump()["max_words"]}', '"max_words": 0')
    )
    with pytest.raises(ModelError, match=r"model\.json: damaged: max_words"):
        coner.load(tmp_path)
    with pytest.raises(ConfigError, match=r"span.scores: input should be 'linear' or 'cosine', got 'dot'"):
        job_for(span={"scores": "dot"})
    with pytest.raises(ConfigError, match="head: no such setting; expected one of: data, encoder, kind"):
        job_for(head={"decoder": "crf"})
