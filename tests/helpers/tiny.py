"""Tiny random encoders in the hub's own folder layout, one of each architecture with its own kind of tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEXT = (
    "the river rhine flows through basel , cologne and rotterdam to the north sea",
    "she wrote 'the left hand of darkness' ( 1969 ) in portland , oregon",
    "são paulo – the city's largest airport is guarulhos",
    "दिल्ली भारत की राजधानी है ।",
    "北京 是 中国 的 首都 。",
    "antonín dvořák composed the new world symphony in 1893 .",
)
SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}


def _word_piece(folder: Path, specials: list[str], lowercase: bool) -> int:
    from tokenizers import BertWordPieceTokenizer

    maker = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=lowercase)
    maker.train_from_iterator(TEXT, vocab_size=250, special_tokens=specials, show_progress=False)
    maker.save_model(str(folder))
    return maker.get_vocab_size()


def _byte_level(specials: list[str]) -> Any:
    from tokenizers import ByteLevelBPETokenizer

    maker = ByteLevelBPETokenizer()
    maker.train_from_iterator(TEXT, vocab_size=350, special_tokens=specials, show_progress=False)
    return maker


def _sentencepiece(path: Path, **options: Any) -> None:
    import io

    import sentencepiece

    with path.open("wb") as handle:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXT * 3),
            model_writer=(out := io.BytesIO()),
            vocab_size=90,
            minloglevel=2,
            **options,
        )
        handle.write(out.getvalue())


def _save(folder: Path, config: Any) -> None:
    import torch
    from transformers import AutoModel

    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)


def mbert(folder: Path) -> None:
    """Multilingual BERT: cased WordPiece."""
    from transformers import BertConfig

    size = _word_piece(folder, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], lowercase=False)
    _tokenizer_config(folder, tokenizer_class="BertTokenizer", do_lower_case=False)
    _save(folder, BertConfig(vocab_size=size, **SHAPE))


def mpnet(folder: Path) -> None:
    """MPNet: lower-casing WordPiece with RoBERTa's special tokens, positions counted from after the padding."""
    from transformers import MPNetConfig

    size = _word_piece(folder, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], lowercase=True)
    _tokenizer_config(folder, tokenizer_class="MPNetTokenizer", do_lower_case=True)
    _save(folder, MPNetConfig(vocab_size=size, **SHAPE))


def roberta(folder: Path) -> None:
    """RoBERTa: byte-level BPE."""
    from transformers import RobertaConfig

    maker = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    maker.save_model(str(folder))
    _tokenizer_config(folder, tokenizer_class="RobertaTokenizer")
    _save(folder, RobertaConfig(vocab_size=maker.get_vocab_size(), pad_token_id=1, **SHAPE))


def modernbert(folder: Path) -> None:
    """ModernBERT: byte-level BPE in a bare ``tokenizer.json`` with BERT's special tokens; alternating attention."""
    from tokenizers.processors import TemplateProcessing
    from transformers import ModernBertConfig

    maker = _byte_level(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    ids = {token: maker.token_to_id(token) for token in ("[CLS]", "[SEP]")}
    maker._tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=list(ids.items())
    )
    maker.save(str(folder / "tokenizer.json"))
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    _tokenizer_config(folder, tokenizer_class="PreTrainedTokenizerFast", **names)
    tokens = {"pad_token_id": maker.token_to_id("[PAD]"), "cls_token_id": ids["[CLS]"], "sep_token_id": ids["[SEP]"]}
    tokens |= {"bos_token_id": ids["[CLS]"], "eos_token_id": ids["[SEP]"]}
    _save(folder, ModernBertConfig(vocab_size=maker.get_vocab_size(), **tokens, **SHAPE))


def xlm_roberta(folder: Path) -> None:
    """XLM-RoBERTa: a SentencePiece model, as the hub's folder ships it."""
    from transformers import AutoTokenizer, XLMRobertaConfig

    _sentencepiece(folder / "sentencepiece.bpe.model", model_type="unigram", character_coverage=1.0)
    _tokenizer_config(folder, tokenizer_class="XLMRobertaTokenizer")
    (folder / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    size = len(AutoTokenizer.from_pretrained(folder))
    _save(folder, XLMRobertaConfig(vocab_size=size, pad_token_id=1, **SHAPE))


def deberta_v3(folder: Path) -> None:
    """DeBERTa-v3: a SentencePiece model under its own name, relative positions."""
    from transformers import AutoTokenizer, DebertaV2Config

    pieces = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    names = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    _sentencepiece(folder / "spm.model", model_type="unigram", character_coverage=1.0, **pieces, **names)
    _tokenizer_config(folder, tokenizer_class="DebertaV2Tokenizer", do_lower_case=False, vocab_type="spm")
    (folder / "config.json").write_text(json.dumps({"model_type": "deberta-v2"}))
    size = len(AutoTokenizer.from_pretrained(folder))
    relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
    relative |= {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False}
    _save(folder, DebertaV2Config(vocab_size=size, type_vocab_size=0, **relative, **SHAPE))


MAKERS: dict[str, Callable[[Path], None]] = {
    made.__name__: made for made in (xlm_roberta, deberta_v3, roberta, mbert, modernbert, mpnet)
}


RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
# Settings of architectures for ``other``, apart from ``SHAPE``.
OTHERS: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 8},
    "deberta": RELATIVE,
    "deberta-v2": {**RELATIVE, "conv_kernel_size": 3},  # a convolution after the lowest layer
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32},
    "electra": {"embedding_size": 8},  # embeddings that are projected
    "eurobert": {"num_key_value_heads": 1},
    "nomic_bert": {},
    "rembert": {"input_embedding_size": 8},
    "roformer": {"embedding_size": 8},
}


# Architectures whose tokenizers, or numbers of positions, are not those of BERT.
TOKENIZERS = {"data2vec-text": "roberta", "modernbert": "modernbert", "mpnet": "mpnet", "xlm-roberta-xl": "xlm_roberta"}


def other(kind: str, root: Path, folder: Path) -> Path:
    """An encoder of any architecture of transformers in ``folder``, with a tokenizer of those below ``root``."""
    import torch
    from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer

    name = TOKENIZERS.get(kind, "mbert")
    if not (root / name).exists():
        (root / name).mkdir()
        MAKERS[name](root / name)
    shutil.copytree(root / name, folder)
    AutoTokenizer.from_pretrained(root / name).save_pretrained(folder)  # some have only a tokenizer.json
    source = AutoConfig.from_pretrained(folder).to_dict()
    ids = {key: value for key, value in source.items() if key.endswith("token_id") and value is not None}
    torch.manual_seed(0)
    shape = {} if kind == "distilbert" else SHAPE
    _save(folder, CONFIG_MAPPING[kind](**{**shape, "vocab_size": source["vocab_size"], **ids, **OTHERS.get(kind, {})}))
    return folder


def _tokenizer_config(folder: Path, **values: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def make_all(root: Path) -> Iterator[tuple[str, Path]]:
    """Every architecture in a folder of its own below ``root``."""
    for name, make in MAKERS.items():
        folder = root / name
        folder.mkdir()
        make(folder)
        yield name, folder
