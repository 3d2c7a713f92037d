"""Score the sentences of a pool by similarity: by shared words (BM25), or by vectors of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coner.core.errors import requires_extra

BATCH = 32  # sentences
MAX_TOKENS = 256  # of a sentence; the rest is ignored
Words = Sequence[str]
Ranker = Callable[[Words], Any]
"""From the words of a sentence to an array with a score for each sentence of the pool."""


def bm25_ranker(pool: Sequence[Words]) -> Ranker:
    """Scores by shared words, ignoring case; ``MissingExtra`` without bm25s."""
    with requires_extra("examples.choice = 'bm25'", "llm"):
        import bm25s
    index = bm25s.BM25()
    index.index([_fold(words) for words in pool], show_progress=False)
    return lambda words: index.get_scores(_fold(words))


def _fold(words: Words) -> list[str]:
    return [word.casefold() for word in words]


def encoder_ranker(pool: Sequence[Words], name: str) -> Ranker:
    """Cosines of the mean vectors of the last layer of an encoder, which is packaged or in a folder.

    Raises:
        MissingExtra: torch or transformers are not installed.
        ModelError: the encoder cannot be loaded.
    """
    with requires_extra("examples.choice = 'encoder'", "encoder"):
        import numpy as np
        import torch

        from coner.families.encoder.backbone.pretrained import load_encoder

    model, tokenizer = load_encoder(name)
    model.train(mode=False)
    positions = getattr(model.config, "max_position_embeddings", MAX_TOKENS)
    longest = min(MAX_TOKENS, positions - 2)  # RoBERTa counts positions from 2

    def encode_batch(texts: list[str]) -> Any:
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state  # B x P x H
            means = [row[real].mean(0) for row, real in zip(hidden, tokens["attention_mask"].bool(), strict=True)]
            return torch.nn.functional.normalize(torch.stack(means), dim=-1).numpy()

    def encode(sentences: Sequence[Words]) -> Any:  # B x H
        order = np.argsort([len(words) for words in sentences], kind="stable")  # little padding
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        vectors = np.concatenate([encode_batch([" ".join(sentences[i]) for i in batch]) for batch in batches])
        return vectors[np.argsort(order)]

    vectors = encode(pool)
    return lambda words: (vectors @ encode([words])[0]).round(6)
