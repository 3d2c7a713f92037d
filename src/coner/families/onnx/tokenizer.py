"""A saved tokenizer, run by the tokenizers library without transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend

TOKENIZER = "tokenizer.json"


class FileTokenizer:
    """The part of a transformers tokenizer that ``pieces.Tokenizer`` requires.

    Args:
        path: a ``tokenizer.json`` without truncation and padding.
        pad: id of the padding piece.
        unknown: id of the unknown piece.
    """

    def __init__(self, path: Path, *, pad: int, unknown: int) -> None:
        self.pad_token_id = pad
        self.unk_token_id = unknown
        self._backend = Backend.from_file(str(path))

    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> Mapping[str, Any]:
        """The ``input_ids`` of a text, or of each text in a list."""
        if isinstance(text, str):
            return {"input_ids": self._backend.encode(text, add_special_tokens=add_special_tokens).ids}
        encodings = self._backend.encode_batch_fast(text, add_special_tokens=add_special_tokens)
        return {"input_ids": [encoding.ids for encoding in encodings]}
