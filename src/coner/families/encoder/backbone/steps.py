"""Check the normalising and splitting steps of a tokenizer: that they are valid, and take linear time."""

from __future__ import annotations

import json
import re
from typing import Any

from coner.core.native import panics_as_errors

MAX_LENGTH, MAX_STEPS = 1_000, 100
# Expressions whose time is proportional to the length of a word; a general one can take exponential time, or ends in a
# panic of the library, which counts its steps. An alternative is a few characters, classes and groups of them, of which
# the last ones may be repeated: nothing that has to match comes after a repeated one.
ATOM = r"(?:\\[pP]\{\^?\w+\}|\\[sSdDwWnrt]|\\[^\w\s]|\[(?:\\.|\[:\^?\w+:\]|[^\]\\\[])+\]|[^\\\[\](){}*+?|^$])"
GROUP = rf"(?:\(\?i?:(?:{ATOM}|\|)+\))"
REPEATED = rf"{ATOM}[*+][+?]?(?:{ATOM}[*?])?|{ATOM}\{{\d?,?\d?\}}(?!\+)"
LINEAR = re.compile(rf"\^?(?:{ATOM}(?:\?\+?)?){{0,8}}(?:{GROUP}|{REPEATED})?")
# Others of published tokenizers: words have no white space, and the next alternative takes a failed match at once.
KNOWN = frozenset({r"\s+(?!\S)", r"\s*[\r\n]+", r"\s*[\r\n]", r"\s+$", r"\A +", r" +\z", r"\A▁"})
ALTERNATIVES = re.compile(rf"(?:{GROUP}|\(\?!\\S\)|{ATOM}|[^|()])*")


def check_steps(backend: Any) -> None:
    """``ValueError`` if normalising or splitting a word may take far more time or memory than its length.

    Also if its template has a special token without ids, which ends in a panic of the library.
    """
    _check_template(_steps(backend.post_processor))
    has_table = False
    for name in ("normalizer", "pre_tokenizer"):
        waiting: list[Any] = [_steps(getattr(backend, name))]
        count = 0
        while waiting:
            step = waiting.pop()
            if isinstance(step, dict):
                count += "type" in step
                has_table |= step.get("type") == "Precompiled"
                pattern = step.get("pattern")
                expression = pattern.get("Regex", "") if isinstance(pattern, dict) else ""
                content = step.get("content")
                if not is_linear(expression) or len(str(content or "")) > 8:
                    got = f"got the pattern {expression or content!r:.80}, which may take exponential time or memory"
                    raise ValueError(f"tokenizer.json: {name}: {got}")
                count += 30 * (step.get("type") in ("Replace", "Prepend") and len(str(content or "")) > 1)
                waiting += step.values()
            elif isinstance(step, list):
                waiting += step
        if count > MAX_STEPS:
            raise ValueError(f"tokenizer.json: {name}: got {count} steps; expected at most {MAX_STEPS}")
    if has_table:
        _check_characters(backend.normalizer)


def _check_characters(normalizer: Any) -> None:
    """``ValueError`` if a table of replaced characters has an entry beyond its end."""
    with panics_as_errors():
        for first in range(0, 0x20000, 1 << 12):
            some = range(first, first + (1 << 12))
            normalizer.normalize_str(" ".join(map(chr, (code for code in some if not 0xD800 <= code < 0xE000))))


def is_linear(expression: str) -> bool:
    """Whether a regular expression of the tokenizers is one of those that take a time proportional to the text."""
    if len(expression) > MAX_LENGTH:
        return False
    at, alternatives = 0, list[str]()
    while at <= len(expression):
        found = ALTERNATIVES.match(expression, at)
        alternatives.append(found[0] if found else "")
        at += len(alternatives[-1]) + 1
        if at <= len(expression) and expression[at - 1] != "|":
            return False
    return all(one in KNOWN or LINEAR.fullmatch(one) for one in alternatives)


def _steps(component: Any) -> Any:
    return {} if component is None else json.loads(component.__getstate__())


def _check_template(steps: Any) -> None:
    for step in [steps, *steps.get("processors", ())]:
        if step.get("type") != "TemplateProcessing":
            continue
        used = {piece["SpecialToken"]["id"] for piece in [*step["single"], *step["pair"]] if "SpecialToken" in piece}
        if missing := used - step["special_tokens"].keys():
            raise ValueError(f"tokenizer.json: post_processor: got no ids of {min(missing)!r:.80}")
