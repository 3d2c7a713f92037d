"""What a tokenizer does with a word beside looking up its vocabulary: whether that is possible, and takes long."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_LENGTH, MOST_STEPS = 1_000, 100
# A quantified group or a back reference can take exponential time; the expressions of published tokenizers have none.
COSTLY = re.compile(r"\)[*+{]|\\[1-9k]")


def check_steps(backend: Any) -> None:
    """``ValueError`` if normalising or splitting a word may take far more time or memory than its length.

    Also if its template has a special token without ids, which ends in a panic of the library.
    """
    _check_template(_steps(backend.post_processor))
    for name in ("normalizer", "pre_tokenizer"):
        waiting: list[Any] = [_steps(getattr(backend, name))]
        count = 0
        while waiting:
            step = waiting.pop()
            if isinstance(step, dict):
                count += "type" in step
                pattern = step.get("pattern")
                expression = pattern.get("Regex", "") if isinstance(pattern, dict) else ""
                content = step.get("content")
                if COSTLY.search(expression) or len(expression) > MOST_LENGTH or len(str(content or "")) > 8:
                    raise ValueError(f"tokenizer.json: {name}: got a pattern that may take exponential time or memory")
                count += 30 * (step.get("type") in ("Replace", "Prepend") and len(str(content or "")) > 1)
                waiting += step.values()
            elif isinstance(step, list):
                waiting += step
        if count > MOST_STEPS:
            raise ValueError(f"tokenizer.json: {name}: got {count} steps; expected at most {MOST_STEPS}")


def _steps(component: Any) -> Any:
    return {} if component is None else json.loads(component.__getstate__())


def _check_template(steps: Any) -> None:
    for step in [steps, *steps.get("processors", ())]:
        if step.get("type") != "TemplateProcessing":
            continue
        used = {piece["SpecialToken"]["id"] for piece in [*step["single"], *step["pair"]] if "SpecialToken" in piece}
        if missing := used - step["special_tokens"].keys():
            raise ValueError(f"tokenizer.json: post_processor: got no ids of {min(missing)!r:.80}")
