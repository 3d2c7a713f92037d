"""Configs, tokenizers and weights of strangers: what is known is loaded as transformers does, all else is left out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModel, AutoTokenizer

from coner.core.errors import ModelError
from coner.families.encoder.backbone.architectures import KEYS, UNUSED, encoder_config
from coner.families.encoder.backbone.pretrained import build_encoder, load_encoder
from coner.families.encoder.backbone.steps import check_steps, is_linear
from coner.families.encoder.backbone.tokenizer_files import tokenizer_settings
from helpers import tiny

SMALL = {**tiny.SHAPE, "vocab_size": 50, "pad_token_id": 0}
REFERENCES: list[dict[str, Any]] = [
    {"attn_implementation": "user/name"},
    {"_attn_implementation": "user/name", "_attn_implementation_internal": "user/name"},
    {"auto_map": {"AutoModel": "user/name--code.Model", "AutoConfig": "user/name--code.Config"}},
    {"backbone": "user/name", "use_pretrained_backbone": True, "use_timm_backbone": True},
    {"backbone_config": {"model_type": "resnet"}, "text_config": {"model_type": "bert"}},
    {"quantization_config": {"quant_method": "gptq", "bits": 4, "dataset": "user/name"}},
    {"use_kernels": True, "kernel_config": {"a": "user/name"}, "name_or_path": "user/name"},
    {"transformers_weights": "../../x", "tokenizer_class": "user/name", "_name_or_path": "user/name"},
]
NO_SOCKETS = """
import socket, sys
class Closed(socket.socket):
    def __init__(self, *_, **__): raise AssertionError("a socket was opened")
def closed(*_, **__): raise AssertionError("a name was resolved")
socket.socket, socket.create_connection, socket.getaddrinfo = Closed, closed, closed
from coner.families.encoder.backbone.pretrained import load_encoder
for folder in sys.argv[1:]:
    load_encoder(folder)
    print("loaded")
"""


@pytest.fixture
def folder(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder("mbert"), tmp_path / "m"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load_encoder(str(folder))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_hidden_states_and_pieces_are_those_of_transformers(
    architecture: str, tiny_encoder: Callable[[str], Path]
) -> None:
    folder = tiny_encoder(architecture)
    encoder, tokenizer = load_encoder(str(folder))
    other, others = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text in tiny.TEXT:
        pieces = others(text, return_tensors="pt", truncation=True, max_length=30)
        assert tokenizer(text)["input_ids"] == others(text)["input_ids"]
        with torch.inference_mode():
            states = [m(**pieces, output_hidden_states=True).hidden_states for m in (encoder.eval(), other)]
        assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


@pytest.mark.parametrize("kind", sorted(kind for kind in KEYS if kind in CONFIG_MAPPING))
def test_every_key_of_a_config_class_is_used_or_known_to_change_nothing(kind: str) -> None:
    usual = CONFIG_MAPPING[kind]()
    values = usual.to_dict()
    config = encoder_config(values)
    assert {key: config.to_dict()[key] for key in KEYS[kind] & values.keys()} == {
        key: values[key] for key in KEYS[kind] & values.keys()
    }
    own = set(type(usual).__annotations__) - KEYS[kind] - {"is_decoder", "add_cross_attention"}
    assert not [key for key in own if not UNUSED.fullmatch(key)]


@pytest.mark.parametrize("kind", ["bert", "electra", "ernie", "roformer", "data2vec-text", "albert", "xlm-roberta-xl"])
def test_a_config_builds_the_model_of_transformers(kind: str) -> None:
    values = CONFIG_MAPPING[kind](**SMALL, embedding_size=16).to_dict()
    own, other = build_encoder(encoder_config(values)), AutoModel.from_config(CONFIG_MAPPING[kind](**values))
    shapes = [{n: v.shape for n, v in m.state_dict().items() if not n.startswith("pooler")} for m in (own, other)]
    assert shapes[0] == shapes[1]


def test_what_names_other_models_code_or_kernels_changes_nothing_and_opens_no_socket(
    folder: Path, tmp_path: Path
) -> None:
    folders = []
    for number, values in enumerate(REFERENCES):
        folders.append(Path(shutil.copytree(folder, tmp_path / str(number))))
        change(folders[-1] / "config.json", **values)
        code = {"AutoTokenizer": ["user/name--code.T", None]}
        change(folders[-1] / "tokenizer_config.json", auto_map=code, backend="x/y", name_or_path="user/name")
        (folders[-1] / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "user/name"}))
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKETS, *folders], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (0, "loaded\n" * len(folders)), done.stderr
    before = load_encoder(str(folder))[0].state_dict()
    for changed in folders:
        after = load_encoder(str(changed))[0]
        assert after.config._attn_implementation in ("sdpa", "eager")
        assert all(torch.equal(before[name], value) for name, value in after.state_dict().items())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model_type": "table-transformer"}, "model_type: got 'table-transformer'; expected one of: albert, bert"),
        ({"model_type": ["bert"]}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"is_decoder": True}, "is_decoder: got True; expected the value of an encoder, False"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"hidden_act": "../x"}, "hidden_act"),
        ({"hidden_act": "nope"}, "nope"),
        ({"hidden_size": 10**12}, "hidden_size: got 1000000000000"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ({"num_hidden_layers": "3"}, "num_hidden_layers"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: got 0; expected a number from 1 to 512"),
        ({"num_attention_heads": -1}, "num_attention_heads: got -1; expected a number from 1"),
        ({"hidden_act": 2}, "hidden_act: got 2; expected the name of a function"),
        ({"pad_token_id": 1 << 24}, "config.json: Padding_idx must be within num_embeddings"),
        ({"hidden_size": {"a": 1}}, "hidden_size"),
        ({"hidden_size": [[1]]}, "hidden_size"),
        ({"hidden_size": 0}, "cannot be loaded"),
        ({"num_attention_heads": 0}, "cannot be loaded"),
        ({"num_attention_heads": 7}, "cannot be loaded"),
        ({"hidden_size": 1 << 22, "num_attention_heads": 1}, "describes"),
        ({"max_position_embeddings": 1 << 24}, "describes"),
        ({"intermediate_size": 64}, "shape"),
        ({"vocab_size": 10}, "shape"),
    ],
)
def test_other_values_are_one_line_before_they_take_memory(folder: Path, values: dict[str, Any], said: str) -> None:
    change(folder / "config.json", **values)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("xlm-roberta", {"pad_token_id": None}),
        ("albert", {"num_hidden_groups": 0}),
        ("albert", {"inner_group_num": 0}),
    ],
)
def test_an_encoder_that_cannot_read_a_sentence_is_refused(kind: str, values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    folder = tiny.other(kind, tmp_path / "others", tmp_path / "m")
    load_encoder(str(folder))
    change(folder / "config.json", **values)
    assert "does not read a sentence" in refusal(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b'{"a": 1e999}', b"\xff\xfe", b"[]", b"null", b"{}"])
def test_a_file_with_other_content_is_one_line(folder: Path, name: str, content: bytes) -> None:
    _, tokenizer = load_encoder(str(folder))
    tokenizer.save_pretrained(folder)
    (folder / name).write_bytes(content)
    if (name, content) != ("tokenizer_config.json", b"{}"):  # the usual settings
        refusal(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "vocab.txt", "model.safetensors"])
def test_a_pipe_as_a_file_is_refused_without_waiting(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "not a regular file" in refusal(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[3]
    weights[name].view(-1)[0] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert f"{name!r} has numbers that are NaN or infinite" in refusal(folder)


def test_weights_in_several_files_are_read_from_the_folder_only(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, some in parts.items():
        save_file({name: weights[name] for name in some}, folder / file, metadata={"format": "pt"})
    before = load_encoder(str(folder))[0].state_dict()
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {name: file for file, some in parts.items() for name in some}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    after = load_encoder(str(folder))[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    index["weight_map"][names[0]] = "../model-1.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "same folder" in refusal(folder)


def test_settings_of_a_tokenizer_are_known_ones_only() -> None:
    plain = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True, "unk_token": "[UNK]"}
    unknown = {"auto_map": {}, "chat_template": "{{ x }}", "tokenizer_file": "/etc/passwd", "init_inputs": ["/x"]}
    assert tokenizer_settings(plain | unknown) == plain


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"tokenizer_class": "LlamaTokenizer"},
        {"tokenizer_class": "user/name"},
        {"unk_token": 1},
        {"unk_token": {"content": "x", "__type": "Other"}},
        {"unk_token": "x" * 5000},
        {"do_lower_case": "yes"},
        {"model_max_length": "x"},
        {"added_tokens_decoder": {"-1": {"content": "x"}}},
        {"added_tokens_decoder": {"1": {"content": ["x"]}}},
    ],
)
def test_other_settings_of_a_tokenizer_are_refused(values: Any) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        tokenizer_settings(values)


COSTLY = [
    *("(a+)+$", "(a|a)*b", r"(?:x{1,9}){3,}", r"(a)\1", "(a|a)" * 60 + "b", "(a|a)?" * 60 + "b", "a*a*a*b", "a*b"),
    *("(?x)(a+) +b", "(a+)(?#x)+b", r"(?<n>a|a\g<n>)\g<n>b", "a{1,9999}a{1,9999}b", "(?=(a+)+b)a", r"\X*\X*b"),
    "a{1,9}+b",
]
PUBLISHED = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    *(" {2,}", r"\s+", r"^\s+|\s+$", r"[\n\r\t]", r"\p{N}", r"\w+|[^\w\s]+", "[[:punct:]]", "``"),
]


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_patterns_of_published_tokenizers_are_accepted(pattern: str) -> None:
    assert is_linear(pattern)


@pytest.mark.parametrize("pattern", COSTLY)
def test_a_pattern_that_may_take_exponential_time_is_refused(pattern: str) -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    backend = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Sequence([normalizers.Replace(Regex(pattern), " ")])
    with pytest.raises(ValueError, match="exponential"):
        check_steps(backend)
    backend.normalizer = normalizers.Sequence([normalizers.Replace("a", "aaaa")] * 20)
    with pytest.raises(ValueError, match="steps"):
        check_steps(backend)
    backend.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\s+(?!\S)|\s+"), "isolated")
    check_steps(backend)


def test_a_template_with_a_token_without_ids_is_refused() -> None:
    from tokenizers import Tokenizer, models, processors

    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "[CLS]": 1}, unk_token="[UNK]"))
    template = processors.TemplateProcessing(single="[CLS] $A", pair="$A $B", special_tokens=[("[CLS]", 1)])
    values = json.loads(backend.to_str()) | {"post_processor": json.loads(template.__getstate__())}
    for processor in (values["post_processor"], {"type": "Sequence", "processors": [values["post_processor"]]}):
        check_steps(Tokenizer.from_str(json.dumps(values | {"post_processor": processor})))
        damaged = json.dumps(values | {"post_processor": processor}).replace(
            '"SpecialToken": {"id": "[CLS]"', '"SpecialToken": {"id": "x"'
        )
        with pytest.raises(ValueError, match=r"no ids of 'x'"):
            check_steps(Tokenizer.from_str(damaged))


def test_steps_are_bounded_before_any_text_passes_through_them() -> None:
    """A step with the name of a table of characters must not have the normalizer run before it is checked."""
    from tokenizers import Tokenizer, models, normalizers

    backend = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    doubling = [normalizers.Replace(" ", "  ") for _ in range(40)]
    backend.normalizer = normalizers.Sequence([normalizers.Replace("Precompiled", "x"), *doubling])
    began = time.process_time()
    with pytest.raises(ValueError, match="steps; expected at most 100"):
        check_steps(backend)
    assert time.process_time() - began < 2
