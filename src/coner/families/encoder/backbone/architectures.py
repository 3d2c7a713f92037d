"""The architectures of encoders that are built, and the keys of a ``config.json`` that are used for each.

A ``config.json`` can name other models, backbones, quantisers, kernels and code, and transformers fetches some of them
while it loads. So the config of an encoder is made from these keys alone; everything else in the file is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from transformers import CONFIG_MAPPING
from transformers.activations import ACT2FN

BERT = frozenset({
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings", "type_vocab_size",
    "initializer_range", "layer_norm_eps", "pad_token_id", "bos_token_id", "eos_token_id",
})  # fmt: skip
DEBERTA = BERT | {
    "relative_attention", "max_relative_positions", "position_biased_input", "pos_att_type", "position_buckets",
    "share_att_key", "norm_rel_ebd", "conv_kernel_size", "conv_act", "conv_groups", "attention_head_size",
    "embedding_size", "legacy",
}  # fmt: skip
KEYS: Mapping[str, frozenset[str]] = {
    "albert": BERT | {"embedding_size", "num_hidden_groups", "inner_group_num"},
    "bert": BERT,
    "camembert": BERT,
    "data2vec-text": BERT,
    "deberta": DEBERTA,
    "deberta-v2": DEBERTA,
    "distilbert": frozenset({
        "vocab_size", "max_position_embeddings", "sinusoidal_pos_embds", "n_layers", "n_heads", "dim", "hidden_dim",
        "dropout", "attention_dropout", "activation", "initializer_range", "pad_token_id", "bos_token_id",
        "eos_token_id",
    }),
    "electra": BERT | {"embedding_size"},
    "ernie": BERT | {"task_type_vocab_size", "use_task_id"},
    "eurobert": BERT - {"type_vocab_size", "layer_norm_eps"} | {
        "num_key_value_heads", "rms_norm_eps", "attention_bias", "attention_dropout", "mlp_bias", "head_dim",
        "rope_parameters", "rope_theta", "mask_token_id",
    },
    "modernbert": BERT - {"hidden_act", "layer_norm_eps", "type_vocab_size"} | {
        "hidden_activation", "initializer_cutoff_factor", "norm_eps", "norm_bias", "cls_token_id", "sep_token_id",
        "attention_bias", "attention_dropout", "layer_types", "rope_parameters", "global_rope_theta",
        "local_rope_theta", "global_attn_every_n_layers", "local_attention", "embedding_dropout", "mlp_bias",
        "mlp_dropout",
    },
    "mpnet": BERT | {"relative_attention_num_buckets"},
    "nomic_bert": BERT | {"rope_parameters", "head_dim"},
    "rembert": BERT | {"input_embedding_size", "output_embedding_size"},
    "roberta": BERT,
    "roformer": BERT | {"embedding_size", "rotary_value"},
    "xlm-roberta": BERT,
    "xlm-roberta-xl": BERT,
}  # fmt: skip
# Other keys of a config class that change no hidden state: a value other than the default is left out, not refused.
UNUSED = re.compile(
    r"(classifier|summary|pooler|qa|seq_classif|sparse|reference|deterministic|decoder_bias|pretraining)\w*"
    r"|use_cache|tie_word_embeddings|chunk_size_feed_forward|output_hidden_states|output_attentions|return_dict"
    r"|architectures|dtype|torch_dtype|id2label|label2id|problem_type|transformers_version|name_or_path|_\w+"
)
COUNTED = {"num_hidden_layers", "n_layers", "num_hidden_groups", "inner_group_num"}  # layers, which are objects
MAX_LAYERS, MAX_SIZE = 512, 1 << 24  # other sizes are checked against the file of the weights
NAME = re.compile(r"[a-z0-9_]{1,40}|[pc]2[pc](\|[pc]2[pc])*", re.ASCII)


# Sizes without which there is no encoder, and names of activation functions.
NEEDED = re.compile(
    "num_(?:hidden_layers|attention_heads|key_value_heads)|n_(?:layers|heads)|(?:hidden_|)dim|"
    "(?:hidden|intermediate|vocab)_size"
)
NAMED = re.compile("(?:^|_)(?:act|activation)$")


def encoder_config(values: Any) -> Any:
    """The config of transformers for the values of a ``config.json``; ``ValueError`` if they are not those of one.

    The attention implementation is the one that transformers chooses for the architecture by itself.
    """
    kind = values.get("model_type") if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in KEYS or kind not in CONFIG_MAPPING:
        raise ValueError(f"model_type: got {kind!r:.80}; expected one of: {', '.join(KEYS)}")
    build, keys = CONFIG_MAPPING[kind], KEYS[kind]
    usual = build()
    for key, value in values.items():
        if key in keys:
            _check(key, value)
        elif not UNUSED.fullmatch(key) and _changes(usual, key, value):
            raise ValueError(f"{key}: got {value!r:.80}; expected the value of an encoder, {getattr(usual, key)!r:.80}")
    try:
        return build(**{key: value for key, value in values.items() if key in keys})
    except Exception as error:  # of validators, which have no common class
        raise ValueError(" ".join(str(error).split())[:300]) from None


def _changes(usual: Any, key: str, value: Any) -> bool:
    """Whether a key that is not used has another value than the default, and the architecture would depend on it."""
    if key == "position_embedding_type":  # of earlier versions; only this one is left
        return bool(value != "absolute")
    known = {name for of in type(usual).__mro__ for name in getattr(of, "__annotations__", {})}
    return key in known and isinstance(value, bool | int | float | str) and value != getattr(usual, key, value)


def _check(key: str, value: Any, *, depth: int = 0) -> None:
    """``ValueError`` unless it is a number in a range, a name, or a short list of them; of one key, objects of them."""
    if isinstance(value, dict | list):
        nested = depth < 2 if key == "rope_parameters" else depth == 0 and isinstance(value, list)
        if not nested or len(value) > MAX_LAYERS:
            raise ValueError(f"{key}: got {len(value)} nested values; expected a value or a short list")
        for item in value.values() if isinstance(value, dict) else value:
            _check(key, item, depth=depth + 1)
    elif NAMED.search(key) and not (isinstance(value, str) and value in ACT2FN):
        raise ValueError(f"{key}: got {value!r:.80}; expected the name of a function, such as gelu")
    elif isinstance(value, str):
        if not NAME.fullmatch(value):
            raise ValueError(f"{key}: got {value!r:.80}; expected a name in lower case")
    elif isinstance(value, int | float):
        minimum, maximum = 1 if NEEDED.fullmatch(key) else -1, MAX_LAYERS if key in COUNTED else MAX_SIZE
        if not minimum <= value <= maximum:
            raise ValueError(f"{key}: got {value!r:.80}; expected a number from {minimum} to {maximum}")
