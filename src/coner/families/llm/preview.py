"""Preview the prompts about some texts and what they may cost; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coner.core.errors import DataError, ModelError
from coner.data.reading.words import sentence_from_text
from coner.families.llm.endpoint.limits import TokenEstimator
from coner.families.llm.tagger import LlmTagger
from coner.families.tagger import Tagger


def preview(tagger: Tagger, folder: Path, texts: Sequence[str]) -> dict[str, Any]:
    """The prompts of the first step about texts of one sentence each, with estimated tokens and cost.

    Raises:
        DataError: a text is no sentence.
        ModelError: the tagger, from ``folder``, is of another family.
    """
    if not isinstance(tagger, LlmTagger):
        raise ModelError(f"{folder}: got a model of kind {tagger.kind}; expected a prompted language model (llm)")
    try:
        prompts = tagger.prompts([sentence_from_text(text) for text in texts])
    except ValueError as error:
        raise DataError(f"TEXT: {error}; expected sentences, each in quotes") from None
    estimator, settings = TokenEstimator(), tagger.settings
    bounds = [estimator.upper_bound(prompt) for prompt in prompts]
    return {
        "model": settings.llm.model,
        "base_url": settings.llm.base_url,
        "steps": settings.prompt.steps,
        "calls": len(prompts),
        "prompt_tokens": sum(bound.prompt for bound in bounds),
        "completion_tokens_at_most": sum(bound.completion for bound in bounds),
        "cost_at_most": sum(bound.cost(settings.llm.prices) for bound in bounds),
        "prompts": [{**asdict(p), "prompt_tokens": bound.prompt} for p, bound in zip(prompts, bounds, strict=True)],
    }
