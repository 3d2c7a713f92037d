"""An exported tagger against the original, for every architecture and head."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.encoder.backbone.architectures import KEYS
from coner.families.encoder.tagger import EncoderTagger
from coner.families.onnx.export.int8 import LEVELS
from coner.families.onnx.export.model import write_onnx
from coner.families.onnx.tagger import OnnxTagger
from coner.families.tagger import Tagger
from helpers import tiny
from helpers.tiny_training import untrained

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
WORDS = [
    ["rhine"],
    ["\u200b"],
    ["\ufe0f", "x"],
    ["a" * 3000, "the", "b" * 3],
    ["#hashtag", "[SEP]", "</s>", "<unk>", "İ", "e\u0301"],
    ["the", "rhine"] * 60,
    ["she", "wrote", "'the", "left", "hand", "of", "darkness'", "(", "1969", ")"],
    ["são", "paulo", "–", "दिल्ली", "北京"],
    ["dvořák"] * 7,
    [],
    ["dvořák", "RHINE"],
]
SENTENCES = [Sentence(tuple(words)) for words in WORDS]


@pytest.fixture
def tagger_for(settings_for: Callable[..., Any]) -> Callable[..., EncoderTagger]:
    def make(architecture: str = "mbert", **sections: Any) -> EncoderTagger:
        settings = settings_for(architecture, **sections)
        torch.manual_seed(3)
        tagger = untrained(settings, TAXONOMY)
        network = tagger.network
        with torch.no_grad():
            network.emissions.weight.mul_(8)  # so that a random network finds entities
            network.emissions.bias.zero_()
            if settings.head.decoder == "crf":
                for scores in (network.decoder.start, network.decoder.transitions, network.decoder.end):
                    scores.mul_(10)
        return tagger

    return make


def assert_equal(exported: Tagger, tagger: EncoderTagger) -> None:
    """Equal pieces, entities and repairs; equal confidences except for rounding."""
    words = [sentence.words for sentence in SENTENCES]
    assert exported.pieces(words) == tagger.pieces(words)  # type: ignore[attr-defined]
    actual, expected = list(exported.predict(SENTENCES)), list(tagger.predict(SENTENCES))
    assert any(prediction.entities for prediction in expected)
    assert actual == expected  # entities and repairs
    scores = [[entity.score for p in run for entity in p.entities or ()] for run in (actual, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "softmax, bioes, mlp, mean": {
        "head": {"scheme": "bioes", "context": "mlp", "blend": "convolution"},
        "encoder": {"pooling": "mean"},
    },
    "crf, none, first and last": {
        "head": {"decoder": "crf", "blend": "learned"},
        "encoder": {"pooling": "first_last"},
    },
    "the paper's": {
        "head": {"decoder": "crf", "layers": (-1, -2, -3), "mix": "concat", "context": "bilstm", "blend": "concat"},
        "auxiliary": {"schedule": "residual"},
    },
    "crf, bioes, bilstm, narrow windows": {
        "head": {"decoder": "crf", "scheme": "bioes", "context": "bilstm", "blend": "gate"},
        "encoder": {"window": 9, "overlap": 0.3, "lowercase": True, "pooling": "mean"},
    },
    "softmax, weighted, bilstm": {
        "head": {"layers": (0, 2, -1), "mix": "weighted", "context": "bilstm", "blend": "average"},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_every_component_gives_equal_predictions(
    case: str, tagger_for: Callable[..., EncoderTagger], tmp_path: Path
) -> None:
    tagger = tagger_for(**CASES[case])
    write_onnx(tagger, tmp_path / "model")
    exported = load(tmp_path / "model")
    assert isinstance(exported, Tagger)
    assert (exported.kind, exported.labels, exported.taxonomy) == ("onnx", tagger.labels, TAXONOMY)
    assert_equal(exported, tagger)


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_every_architecture_that_is_allowed_can_be_exported_and_opened(
    kind: str, tagger_for: Callable[..., EncoderTagger], tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    encoder = tiny.other(kind, tiny_encoder("mbert").parent, tmp_path / "encoder")
    tagger = tagger_for(encoder={"name": str(encoder)}, head={"decoder": "crf"})
    assert tagger.network.encoder.config.model_type == kind
    for int8 in (None, "fixed"):
        write_onnx(tagger, tmp_path / str(int8), int8=int8, text=SENTENCES)  # type: ignore[arg-type]
        exported = load(tmp_path / str(int8))  # checks the operators of the graph
        if int8 is None:
            assert_equal(exported, tagger)


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_every_architecture_and_tokenizer_gives_equal_predictions(
    architecture: str, tagger_for: Callable[..., EncoderTagger], tmp_path: Path
) -> None:
    tagger = tagger_for(architecture, head={"decoder": "crf"})
    write_onnx(tagger, tmp_path / "model")
    assert_equal(load(tmp_path / "model"), tagger)


def test_entities_do_not_depend_on_the_batch(
    tagger_for: Callable[..., EncoderTagger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coner.families.onnx.export.int8.MIN_TABLE", 100)
    tagger = tagger_for(**CASES["the paper's"])
    for int8 in (None, *LEVELS):
        folder = tmp_path / f"int8={int8}"
        write_onnx(tagger, folder, int8=int8, text=SENTENCES)
        exported = load(folder)
        together = exported.tag(SENTENCES)
        assert any(together)
        assert [exported.tag([sentence])[0] for sentence in SENTENCES] == together
        assert exported.tag(SENTENCES[::-1]) == together[::-1]


def test_quantised_emissions_are_close_and_files_are_smaller(
    tagger_for: Callable[..., EncoderTagger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coner.families.onnx.export.int8.MIN_TABLE", 100)
    tagger = tagger_for(**CASES["the paper's"])
    for int8 in (None, "all"):
        write_onnx(tagger, tmp_path / str(int8), int8=int8)  # type: ignore[arg-type]
    exact, small = (load(tmp_path / str(int8)) for int8 in (None, "all"))
    made = exact.pieces([sentence.words for sentence in SENTENCES if sentence.words])  # type: ignore[attr-defined]
    for one, other in zip(exact.emissions(made), small.emissions(made), strict=True):  # type: ignore[attr-defined]
        assert abs(one - other).max() < 0.05 * abs(one).max()
        assert (one != other).any()
    sizes = [(tmp_path / str(int8) / "model.onnx.data").stat().st_size for int8 in (None, "all")]
    assert sizes[1] < sizes[0]


def test_runtime_error_is_one_line(
    tagger_for: Callable[..., EncoderTagger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(tagger_for(), tmp_path / "model")
    exported = load(tmp_path / "model")
    assert isinstance(exported, OnnxTagger)
    long = Sentence(("the", "rhine") * 40)
    assert exported.tag([long])

    def fail(*_: object) -> None:
        raise MemoryError("bad\nallocation")

    monkeypatch.setattr(exported, "_session", SimpleNamespace(run=fail))
    with pytest.raises(ModelError, match=r"model: a batch of 1 sentence, the longest of 80 words, failed: bad alloc"):
        exported.tag([long])


def test_export_is_reproducible(tagger_for: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    tagger = tagger_for(**CASES["the paper's"])
    for name in ("a", "b"):
        write_onnx(tagger, tmp_path / name)
    load(tmp_path / "b").save(tmp_path / "c")
    a, b, c = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "abc")
    assert a == b == c
    assert not [name for name, content in a.items() if str(tmp_path).encode() in content]  # no local paths


def test_slow_tokenizer_is_refused(tagger_for: Callable[..., EncoderTagger], tmp_path: Path) -> None:
    class Slow:
        is_fast = False

    tagger = tagger_for()
    tagger.pieces.tokenizer = Slow()  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"tokenizer Slow, written in Python; .*tokenizer\.json") as caught:
        write_onnx(tagger, tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "chain.npz"])
def test_wrong_files_are_refused_in_one_line(
    name: str, tagger_for: Callable[..., EncoderTagger], tmp_path: Path
) -> None:
    write_onnx(tagger_for(head={"decoder": "crf"}), tmp_path / "model")
    from coner.families.manifest import parse_manifest, read_manifest
    from coner.families.onnx.settings import OnnxManifest
    from coner.families.onnx.tagger import load as load_onnx

    folder = tmp_path / "model"
    manifest = parse_manifest(read_manifest(folder).model_dump(), OnnxManifest, folder)
    shutil.copyfile(tmp_path / "model/model.json", tmp_path / "model" / name)
    with pytest.raises(ModelError, match=r"does not fit model\.json \(.*\)\. Fix: copy the whole folder") as caught:
        load_onnx(folder, manifest)
    assert "\n" not in str(caught.value)
