"""What a tokenizer does with a word before its vocabulary is looked up, and whether that may take too long."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_LENGTH, MOST_STEPS = 1_000, 100
# A quantified group or a back reference can take exponential time; the expressions of published tokenizers have none.
COSTLY = re.compile(r"\)[*+{]|\\[1-9k]")


def check_steps(backend: Any) -> None:
    """``ValueError`` if normalising or splitting a word may take far more time or memory than its length."""
    for name in ("normalizer", "pre_tokenizer"):
        component = getattr(backend, name)
        steps = json.loads(component.__getstate__()) if component is not None else {}
        waiting, count = [steps], 0
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
