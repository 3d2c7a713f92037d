"""Read answers without JSON: one mention a line, in the ways in which models write lists."""

from __future__ import annotations

import re

from coner.families.llm.answers.labels import LabelMatcher

_BULLET = re.compile(r"^\s*(?:[-*•–+>]\s+|\(?\d{1,3}[.)]\s+)*")
_HEADING = re.compile(r"^\W*(?:sentence\s*)?(\d{1,3})\W*$", re.IGNORECASE)
_NONE = re.compile(r"\W*(?:none|no(?: named)? entit(?:y|ies)(?: \w+)?|n/a|nothing|empty)\W*", re.IGNORECASE)
# From the safest separator to the one that names contain themselves.
_SEPARATORS = (r"\s*\|\s*", r"\t+", r"\s*(?:->|=>|→|⇒)\s*", r"\s*:\s+", r"\s*=\s*", r"\s+[-–—]\s+", r"\s*:\s*")
_BRACKETS = re.compile(r"^(.*\S)\s*[(\[{<]([^()\[\]{}<>]+)[)\]}>]\W*$")
MAX_LINE = 1000  # characters; a longer line is prose
_QUOTES = "\"'`“”‘’«»*_ "

RawMention = tuple[str, str | None]
"""Text and label of a mention as the model wrote them; label ``None``: incomplete."""


def says_none(text: str) -> bool:
    """Whether a text says in words that there is no entity."""
    return _NONE.fullmatch(text) is not None


def sentence_number(line: str) -> int | None:
    """The number of the sentence if the line is a heading."""
    heading = _HEADING.match(line)
    return int(heading[1]) if heading else None


def read_line(line: str, labels: LabelMatcher) -> RawMention | None:
    """Text and label of a line; ``None`` if it is prose.

    Of several ways to split it, the first with a known label is taken; text and label may be in either order. Without a
    known label, a line with a bullet is a mention with an unknown label.
    """
    if len(line) > MAX_LINE:
        return None
    line = "\t".join(" ".join(part.split()) for part in line.split("\t"))  # single spaces
    bullet = _BULLET.match(line)
    body = line[bullet.end() :] if bullet else line
    splits = _splits(body.strip().strip(".,; "))
    for text, label in [*splits, *((label, text) for text, label in splits)]:
        if labels.match(label) is not None or labels.is_group(label):
            return text, label
    return splits[0] if splits and bullet and bullet[0].strip() else None


def _splits(body: str) -> list[tuple[str, str]]:
    """Every way to split a line in two, at the last and at the first separator of each kind."""
    splits = []
    if bracketed := _BRACKETS.match(body):
        splits.append((bracketed[1], bracketed[2]))
    for separator in _SEPARATORS:
        if places := list(re.finditer(separator, body)):
            splits += [(body[: place.start()], body[place.end() :]) for place in (places[-1], places[0])]
    bare = [(text.strip(_QUOTES), label.strip(_QUOTES)) for text, label in splits]
    return [(text, label) for text, label in bare if text and label]
