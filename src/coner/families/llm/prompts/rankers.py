"""Rank the sentences of a pool by similarity: by shared words (BM25), or by vectors of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from coner.core.errors import requires_extra

if TYPE_CHECKING:
    import numpy as np

BATCH = 32  # sentences
MAX_TOKENS = 256  # of a sentence; the rest is ignored
Candidate = tuple[float, int]
"""Score of a sentence, and its index in the pool."""


class Bm25Ranker:
    """Ranks a pool of at least one sentence by shared words, ignoring case; ``MissingExtra`` without bm25s."""

    def __init__(self, pool: Sequence[Sequence[str]]) -> None:
        with requires_extra("examples.choice = 'bm25'", "llm"):
            import bm25s
        self._index: Any = bm25s.BM25()
        self._index.index([_fold(words) for words in pool], show_progress=False)

    def best(self, words: Sequence[str], count: int) -> list[Candidate]:
        """The best ``count`` sentences of the pool, best first; of equal ones the one with the lower index."""
        return _best(self._index.get_scores(_fold(words)), count)


class EncoderRanker:
    """Ranks a pool of at least one sentence by the cosine of the mean vectors of an encoder's last layer.

    Raises:
        MissingExtra: torch or transformers are not installed.
        ModelError: the encoder, which is packaged or in a folder, cannot be loaded.
    """

    def __init__(self, pool: Sequence[Sequence[str]], name: str) -> None:
        with requires_extra("examples.choice = 'encoder'", "encoder"):
            import torch  # noqa: F401

            from coner.families.encoder.backbone.pretrained import load_encoder

        self._model, self._tokenizer = load_encoder(name)
        self._model.train(mode=False)
        self._vectors = self._encode(pool)

    def best(self, words: Sequence[str], count: int) -> list[Candidate]:
        """As of ``Bm25Ranker``."""
        return _best((self._vectors @ self._encode([words])[0]).round(6), count)

    def _encode(self, sentences: Sequence[Sequence[str]]) -> Any:
        """Vectors of length 1: B x H."""
        import numpy as np

        order = np.argsort([len(words) for words in sentences], kind="stable")  # little padding
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        vectors = np.concatenate([self._encode_batch([" ".join(sentences[i]) for i in batch]) for batch in batches])
        return vectors[np.argsort(order)]

    def _encode_batch(self, texts: list[str]) -> Any:
        import torch

        positions = getattr(self._model.config, "max_position_embeddings", MAX_TOKENS)
        longest = min(MAX_TOKENS, positions - 2)  # RoBERTa counts positions from 2
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state  # B x P x H
            means = [row[real].mean(0) for row, real in zip(hidden, tokens["attention_mask"].bool(), strict=True)]
            return torch.nn.functional.normalize(torch.stack(means), dim=-1).numpy()


def _fold(words: Sequence[str]) -> list[str]:
    return [word.casefold() for word in words]


def _best(scores: np.ndarray, count: int) -> list[Candidate]:
    import numpy as np

    order = np.argsort(-scores, kind="stable")[:count]
    return [(float(scores[index]), int(index)) for index in order]
