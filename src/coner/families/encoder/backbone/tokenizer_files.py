"""Load a tokenizer from files of known names, with known settings, of a known class.

A ``tokenizer_config.json`` can name code, classes, templates and files. transformers gets a copy of the folder in which
there is nothing but vocabularies and the settings below.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from coner.core.native import panics_as_errors
from coner.core.untrusted import open_regular, read_json
from coner.families.encoder.backbone.steps import check_steps

CONFIG = "tokenizer_config.json"
JSON_FILES = ("special_tokens_map.json", "added_tokens.json")
VOCABULARIES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spm.model", "spiece.model",
    "sentencepiece.model", "tokenizer.model", "bpe.codes",
)  # fmt: skip
FILES = (CONFIG, *JSON_FILES, *VOCABULARIES)
CLASSES = frozenset({
    "AlbertTokenizer", "BartTokenizer", "BarthezTokenizer", "BertTokenizer", "CamembertTokenizer", "DebertaTokenizer",
    "DebertaV2Tokenizer", "DistilBertTokenizer", "ElectraTokenizer", "HerbertTokenizer", "MPNetTokenizer",
    "PreTrainedTokenizerFast", "PreTrainedTokenizer", "RemBertTokenizer", "RobertaTokenizer", "RoFormerTokenizer",
    "TokenizersBackend", "XLMRobertaTokenizer",
})  # fmt: skip
FLAGS = frozenset({
    "do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space", "split_by_punct", "keep_accents",
    "do_basic_tokenize", "trim_offsets", "clean_up_tokenization_spaces", "remove_space", "clean_text",
    "split_special_tokens",
})  # fmt: skip
TOKENS = frozenset(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
LISTS = frozenset({"additional_special_tokens", "extra_special_tokens"})
CHOICES = {"vocab_type": {"spm", "gpt2"}, "errors": {"replace", "strict", "ignore"}, "backend": {"tokenizers"}}
CHOICES |= {"padding_side": {"left", "right"}, "truncation_side": {"left", "right"}, "wordpieces_prefix": {"##"}}
TOKEN_FLAGS = {"lstrip", "rstrip", "normalized", "single_word", "special", "__type", "content"}
MAX_TOKENS, MAX_LENGTH = 100_000, 1_000
DIGITS = 40  # transformers writes 10 ** 30 for a tokenizer without a maximum length


def load_tokenizer(folder: Path, *, kind: str, names: tuple[str, ...] = FILES) -> Any:
    """The tokenizer of transformers in a folder, of which only the files in ``names`` are read.

    ``kind`` is the ``model_type`` of the encoder. ``ValueError`` if a file is missing, damaged or asks for more.
    """
    present = [name for name in names if (folder / name).exists()]
    config = tokenizer_settings(read_json(folder / CONFIG, digits=DIGITS)) if CONFIG in present else {}
    with tempfile.TemporaryDirectory(prefix="coner-") as scratch:
        place = Path(scratch)
        for name in present:
            if name in JSON_FILES:
                _check_tokens(read_json(folder / name), ids=name == "added_tokens.json")
            if name != CONFIG:
                with open_regular(folder / name):  # not a pipe
                    _share(folder / name, place / name)
        (place / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        (place / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
        with panics_as_errors():
            tokenizer = AutoTokenizer.from_pretrained(scratch, trust_remote_code=False, local_files_only=True)
    tokenizer.name_or_path = str(folder)
    if tokenizer.is_fast:
        check_steps(tokenizer.backend_tokenizer)
    return tokenizer


def tokenizer_settings(values: Any) -> dict[str, Any]:
    """The settings of a ``tokenizer_config.json`` that are used; ``ValueError`` for values of another type."""
    if not isinstance(values, dict):
        raise ValueError(f"{CONFIG}: expected an object")
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key == "tokenizer_class":
            if not isinstance(value, str) or value.removesuffix("Fast") not in CLASSES | {"PreTrainedTokenizer"}:
                raise ValueError(f"{CONFIG}: {key}: got {value!r:.80}; expected one of: {', '.join(sorted(CLASSES))}")
        elif key == "model_max_length":
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 1:
                raise ValueError(f"{CONFIG}: {key}: got {value!r:.80}; expected a number")
        elif key == "added_tokens_decoder":
            _check_decoder(value)
        elif key in TOKENS or key in LISTS:
            _check_tokens({key: value})
        elif key in FLAGS:
            if value is not None and not isinstance(value, bool):
                raise ValueError(f"{CONFIG}: {key}: got {value!r:.80}; expected true or false")
        elif key not in CHOICES or value not in CHOICES[key]:
            continue
        kept[key] = value
    return kept


def _share(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:  # no permission for links
        shutil.copyfile(source, target)


def _check_decoder(value: Any) -> None:
    if not isinstance(value, dict) or len(value) > MAX_TOKENS:
        raise ValueError(f"{CONFIG}: added_tokens_decoder: expected an object of tokens")
    for number, token in value.items():
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise ValueError(f"{CONFIG}: added_tokens_decoder: got {number!r:.80}; expected a token id")
        _check_token(token)


def _check_tokens(value: Any, *, ids: bool = False) -> None:
    if not isinstance(value, Mapping) or len(value) > MAX_TOKENS:
        raise ValueError("expected an object of tokens")
    for token in value.values():
        if isinstance(token, list):
            for item in token[:MAX_TOKENS]:
                _check_token(item)
        elif isinstance(token, dict) and "content" not in token:
            _check_tokens(token)
        elif ids and isinstance(token, int):
            continue
        elif token is not None:
            _check_token(token)


def _check_token(token: Any) -> None:
    if isinstance(token, dict):
        flags = all(isinstance(v, bool) for k, v in token.items() if k not in ("content", "__type"))
        if not token.keys() <= TOKEN_FLAGS or not flags or token.get("__type", "AddedToken") != "AddedToken":
            raise ValueError(f"got the token {str(token)[:80]!r}; expected content and flags")
        token = token.get("content")
    if not isinstance(token, str) or len(token) > MAX_LENGTH:
        raise ValueError(f"got the token {str(token)[:80]!r}; expected text")
