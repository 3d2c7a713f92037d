"""The encoder tagger: sentences of any length, parallel passes, saving and loading."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from coner.core.errors import ModelError, OutputError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.encoder.cpu.rows import RowAdamW
from coner.families.encoder.tagger import EncoderTagger
from coner.families.tagger import Tagger
from helpers import tiny
from helpers.spans import disjoint
from helpers.tiny_training import untrained

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
AWKWARD = [
    ["\u200b"],
    ["\ufe0f", "x"],
    ["a" * 10_000, "the", "b" * 3],
    ["#hashtag", "#", "# id"],
    ["the", "rhine"] * 60,
    ["dvořák"],
    ["北", "京"],
]


@pytest.fixture
def tagger_for(settings_for: Callable[..., Any]) -> Callable[..., EncoderTagger]:
    def make(architecture: str = "mbert", **sections: Any) -> EncoderTagger:
        settings = settings_for(architecture, **sections)
        torch.manual_seed(3)
        tagger = untrained(settings, TAXONOMY)
        with torch.no_grad():
            tagger.network.emissions.weight.mul_(8)  # so that a random network finds entities
            tagger.network.emissions.bias.zero_()
        return tagger

    return make


HEADS = [
    {"decoder": "softmax"},
    {"decoder": "crf", "scheme": "bioes", "context": "bilstm", "blend": "gate"},
    {"decoder": "crf", "layers": (-1, -2, -3), "mix": "concat", "context": "bilstm", "blend": "concat"},
]


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
@pytest.mark.parametrize("head", HEADS, ids=["plain", "bioes", "paper"])
def test_saved_tagger_predicts_the_same(
    architecture: str, head: dict[str, Any], tagger_for: Callable[..., EncoderTagger], tmp_path: Path
) -> None:
    tagger = tagger_for(
        architecture, head=head, auxiliary={"schedule": "residual"}, encoder={"keep_layers": 0 if len(head) > 4 else 2}
    )
    sentences = [Sentence(tuple(words)) for words in AWKWARD]
    predicted = tagger.tag(sentences)
    assert any(predicted)
    for sentence, entities in zip(sentences, predicted, strict=True):
        assert disjoint(entities)
        assert all(e.end <= len(sentence) and e.label in tagger.labels and 0 < e.score <= 1 for e in entities)
    tagger.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, Tagger)
    assert again.tag(sentences) == predicted
    scores = [[[e.score for e in es] for es in run] for run in (predicted, again.tag(sentences))]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("head", [{"decoder": "valid"}, *HEADS[1:]], ids=["valid", "bioes", "paper"])
def test_tag_scores_give_the_confidences_and_the_paths_of_the_predictions(
    head: dict[str, Any], tagger_for: Callable[..., EncoderTagger]
) -> None:
    tagger = tagger_for(head=head)
    sentences = [Sentence(tuple(words)) for words in AWKWARD]
    predicted, scores = tagger.tag(sentences), list(tagger.tag_scores(sentences))
    assert any(predicted)
    for sentence, entities, (chain, emissions) in zip(sentences, predicted, scores, strict=True):
        assert emissions.shape == (len(sentence), len(tagger.tags))
        [found] = chain.decode(emissions[None])
        assert found == entities
        assert [e.score for e in found] == pytest.approx([e.score for e in entities], abs=1e-4)


def test_softmax_gets_a_chain_of_its_valid_paths(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for(head={"decoder": "softmax"})
    [(chain, emissions)] = tagger.tag_scores([Sentence(("the", "rhine"))])
    assert chain.tag_marginals(emissions[None]).sum(2) == pytest.approx(1.0)


def test_batch_and_single_sentences_get_the_same_entities(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for(head=HEADS[2])
    sentences = [Sentence(tuple(words)) for words in AWKWARD]
    together = tagger.tag(sentences)
    assert [tagger.tag([sentence])[0] for sentence in sentences] == together
    assert tagger.tag(sentences[::-1]) == together[::-1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_parallel_passes_and_concurrent_callers_predict_the_same(
    precision: str, tagger_for: Callable[..., EncoderTagger], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = tagger_for(head={"decoder": "softmax"}, train={"precision": precision})
    sentences = [Sentence(tuple(words * (1 + i % 3))) for i in range(10) for words in AWKWARD[3:]]
    monkeypatch.setattr("coner.families.encoder.backbone.passes.PARALLEL_MIN", 8)
    monkeypatch.setattr("coner.families.encoder.backbone.tagger.pass_size", lambda *_: 24)
    before = torch.get_num_threads()
    predicted = {}
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            predicted[threads] = list(tagger.predict(sentences))
        with ThreadPoolExecutor(4) as pool:
            concurrent = list(pool.map(lambda _: list(tagger.predict(sentences)), range(8)))
    finally:
        torch.set_num_threads(before)
    assert predicted[1] == predicted[3]
    assert sum(prediction.repaired for prediction in predicted[1]) > 0
    assert concurrent == [predicted[1]] * 8


@pytest.mark.parametrize("threads", [1, 3])
def test_error_in_a_pass_restores_weights_and_mode(
    threads: int, tagger_for: Callable[..., EncoderTagger], monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = tagger_for(train={"precision": "bfloat16"})
    sentences = [Sentence(tuple(words)) for words in AWKWARD[3:] * 10]
    monkeypatch.setattr("coner.families.encoder.backbone.passes.PARALLEL_MIN", 8)
    monkeypatch.setattr("coner.families.encoder.backbone.tagger.pass_size", lambda *_: 24)
    before, expected = torch.get_num_threads(), tagger.tag(sentences)
    weights = {name: value.clone() for name, value in tagger.network.state_dict().items()}
    tagger.network.train()
    decode, calls = tagger.network.decoder.decode, iter(range(1000))

    def fail(*arguments: Any) -> Any:
        if next(calls) == 4:
            raise ZeroDivisionError
        return decode(*arguments)

    monkeypatch.setattr(tagger.network.decoder, "decode", fail)
    try:
        torch.set_num_threads(threads)
        with pytest.raises(ZeroDivisionError):
            tagger.tag(sentences)
    finally:
        torch.set_num_threads(before)
    assert tagger.network.training
    after = tagger.network.state_dict()
    assert all(
        torch.equal(after[name], value) and after[name].dtype == torch.float32 for name, value in weights.items()
    )
    assert tagger.tag(sentences) == expected


def assert_changed(tagger: EncoderTagger, other: EncoderTagger, before: list[list[Entity]]) -> None:
    """Both predict the same, except for near ties, and differ from the predictions before."""

    def differences(one: list[list[Entity]], two: list[list[Entity]]) -> int:
        return sum(len(set(a) ^ set(b)) for a, b in zip(one, two, strict=True))

    sentences = [Sentence(tuple(words)) for words in AWKWARD[3:]]
    predicted = tagger.tag(sentences)
    assert differences(predicted, other.tag(sentences)) <= 2
    assert differences(predicted, before) > 20


def test_changed_weights_are_copied_again(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger, other = (tagger_for(train={"precision": "bfloat16"}) for _ in range(2))
    tagger.network.eval()  # copies are not kept in training mode
    before = tagger.tag([Sentence(tuple(words)) for words in AWKWARD[3:]])
    with torch.no_grad():
        for network in (tagger.network, other.network):
            for weight in network.encoder.parameters():
                weight.sub_(0.3)
    assert_changed(tagger, other, before)


@pytest.mark.parametrize("training", [True, False])
def test_weights_changed_by_an_optimizer_are_copied_again(
    tagger_for: Callable[..., EncoderTagger], training: bool
) -> None:
    tagger, other = (tagger_for(train={"precision": "bfloat16"}) for _ in range(2))
    tagger.network.train(training)
    before = tagger.tag([Sentence(tuple(words)) for words in AWKWARD[3:]])
    for network in (tagger.network, other.network):
        weights = list(network.encoder.parameters())
        for weight in weights:
            weight.grad = torch.ones_like(weight)
        groups = [{"params": weights, "lr": 0.3}]
        (torch.optim.AdamW(groups, fused=True) if training else RowAdamW(groups)).step()
    assert_changed(tagger, other, before)


def test_loaded_tagger_copies_its_weights_once(tagger_for: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    tagger_for(train={"precision": "bfloat16"}).save(tmp_path / "model")
    tagger = load(tmp_path / "model")
    assert isinstance(tagger, EncoderTagger)
    kept = []
    for _ in range(3):
        tagger.tag([Sentence(("the", "rhine"))])
        kept.append(next(iter(tagger._weights().values())))
    assert kept[0] is kept[1] is kept[2]


def test_tagger_loaded_in_inference_mode_can_tag(tagger_for: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    tagger = tagger_for(train={"precision": "bfloat16"})
    tagger.save(tmp_path / "model")
    with torch.inference_mode():
        loaded = load(tmp_path / "model")
    sentences = [Sentence(tuple(words)) for words in AWKWARD[3:]]
    assert loaded.tag(sentences) == tagger.tag(sentences)


def test_nan_scores_are_an_error(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for()
    with torch.no_grad():
        tagger.network.emissions.bias[0] = torch.nan
    with pytest.raises(ModelError, match=r"NaN or infinite. Fix: train it again"):
        tagger.tag([Sentence(("the",))])


def test_short_sentence_is_the_same_with_a_small_window(tagger_for: Callable[..., EncoderTagger]) -> None:
    small = tagger_for(encoder={"window": 12}, head={"decoder": "crf"})
    large = tagger_for(head={"decoder": "crf"})
    short = [Sentence(("the", "rhine"))]
    assert small.tag(short) == large.tag(short)


def test_head_sees_a_long_sentence_whole(tagger_for: Callable[..., EncoderTagger]) -> None:
    """Windows have no effect with an encoder whose output does not depend on context."""
    taggers = [tagger_for(head={**HEADS[2], "layers": (0,), "mix": "last"}, encoder={"window": w}) for w in (9, 0)]
    for tagger in taggers:
        embeddings = tagger.network.encoder.embeddings
        embeddings.position_embeddings.weight.data.zero_()
    sentence = [Sentence(tuple(["the", "rhine", "flows", "through", "basel", "and", "são", "paulo"] * 3))]
    short_enough = [Sentence(sentence[0].words[:6])]
    assert taggers[0].tag(short_enough) == taggers[1].tag(short_enough)
    found = [tagger.tag(sentence)[0] for tagger in taggers]
    assert found[0] == found[1]
    assert [e.score for e in found[0]] == pytest.approx([e.score for e in found[1]], rel=1e-3)


def test_sentence_of_5000_words_is_tagged_whole(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for(head=HEADS[2])
    words = ("the", "rhine", "flows", "dvořák") * 1250
    (found,) = tagger.tag([Sentence(words)])
    assert found
    assert max(entity.end for entity in found) > 4900


def test_empty_input_and_empty_sentences(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for()
    assert tagger.tag([]) == []
    assert tagger.tag([Sentence(()), Sentence(("the",))])[0] == []


def test_gold_entities_are_ignored(tagger_for: Callable[..., EncoderTagger]) -> None:
    tagger = tagger_for()
    words = ("the", "rhine", "flows")
    assert tagger.tag([Sentence(words, (Entity(0, 3, "City"),))]) == tagger.tag([Sentence(words)])


def test_weights_of_another_network_are_one_line(tagger_for: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    tagger_for(head={"decoder": "crf"}).save(tmp_path / "a")
    tagger_for(head={"decoder": "softmax"}).save(tmp_path / "b")
    manifest = json.loads((tmp_path / "b/model.json").read_text())
    manifest["settings"]["head"]["decoder"] = "crf"
    (tmp_path / "b/model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"weights.safetensors: does not fit model.json") as caught:
        load(tmp_path / "b")
    assert "\n" not in str(caught.value)


def test_full_disk_is_one_line_and_keeps_the_earlier_model(
    tagger_for: Callable[..., EncoderTagger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = tagger_for()
    tagger.save(tmp_path / "model")
    before = {path: path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file()}

    def fail(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("coner.families.encoder.backbone.tagger.save_file", fail)
    with pytest.raises(OutputError, match=r"(?i)no space left on device") as caught:
        tagger.save(tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in (tmp_path / "model").rglob("*") if path.is_file()} == before
