"""Settings of prompts: the question, and the examples in it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coner.config.section import Count, Section


class PromptSettings(Section):
    """How the model is asked."""

    steps: Literal[1, 2] = Field(
        1, description="1: fine labels at once; 2: coarse labels first, then the fine label of each mention"
    )
    definitions: bool = Field(True, description="show the taxonomy's definition of each class")
    sentences: Count = Field(1, description="sentences per call")
    answer_tokens: Count = Field(256, description="maximum tokens of the answer, per sentence; a longer one is cut off")


class ExampleSettings(Section):
    """Which labelled sentences of the training file a prompt shows."""

    choice: Literal["none", "fixed", "random", "bm25", "encoder"] = Field(
        "bm25",
        description="none: zero-shot; fixed: for every sentence the same few that cover the classes; random: others "
        "for every sentence; bm25: the most similar ones by their words; encoder: by a sentence encoder",
    )
    count: Count = Field(6, description="examples per sentence")
    cover: bool = Field(True, description="of about equally good ones, prefer those with classes not shown yet")
    encoder: str = Field("minilm", description='of choice = "encoder": a packaged encoder, or a folder')
