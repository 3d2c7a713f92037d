"""Answers without JSON: a mention a line, in the ways in which models write lists."""

from __future__ import annotations

import re

from coner.families.llm.answers.labels import Labels

_BULLET = re.compile(r"^\s*(?:[-*•–+>]\s+|\(?\d{1,3}[.)]\s+)*")
_HEAD = re.compile(r"^\W*(?:sentence\s*)?(\d{1,3})\W*$", re.IGNORECASE)
_NONE = re.compile(r"\W*(?:none|no(?: named)? entit(?:y|ies)(?: \w+)?|n/a|nothing|empty)\W*", re.IGNORECASE)
# From the surest separator to the one that names hold themselves; the last of its kind parts words and label.
_SEPARATORS = (r"\s*\|\s*", r"\t+", r"\s*(?:->|=>|→|⇒)\s*", r"\s*:\s+", r"\s*=\s*", r"\s+[-–—]\s+", r"\s*:\s*")
_BRACKETS = re.compile(r"^(.*\S)\s*[(\[{<]([^()\[\]{}<>]+)[)\]}>]\W*$")
LONGEST = 1000  # characters of a line; a longer one is talk
_QUOTES = "\"'`“”‘’«»*_"

Written = tuple[str, str | None]
"""Words and label as they are written; no label: it is incomplete."""


def says_none(text: str) -> bool:
    """An answer in words that there is no entity."""
    return _NONE.fullmatch(text) is not None


def heading(line: str) -> int | None:
    """The number of a sentence that a line announces."""
    head = _HEAD.match(line)
    return int(head[1]) if head else None


def read_line(line: str, labels: Labels) -> Written | None:
    """Words and label of a line; ``None``: it is no item of a list, but talk.

    Of several ways to part it, the first one with a known label; label and words may stand in either order. Without a
    known label, a bulleted line is an item whose label is unknown.
    """
    if len(line) > LONGEST:
        return None
    line = "\t".join(" ".join(part.split()) for part in line.split("\t"))  # single spaces
    bullet = _BULLET.match(line)
    bulleted = bool(bullet and bullet[0].strip())
    body = line[bullet.end() :].strip() if bullet else line.strip()
    ways = list(_ways(body.strip(".,; ")))
    for words, label in ways:
        if _known(label, labels):
            return words, label
    for words, label in ways:
        if _known(words, labels):
            return label, words
    return ways[0] if ways and bulleted else None


def _known(label: str, labels: Labels) -> bool:
    return labels.match(label) is not None or labels.is_group(label)


def _ways(body: str) -> list[tuple[str, str]]:
    ways = []
    if bracketed := _BRACKETS.match(body):
        ways.append((bracketed[1], bracketed[2]))
    for separator in _SEPARATORS:
        if places := list(re.finditer(separator, body)):
            ways.append((body[: places[-1].start()], body[places[-1].end() :]))
            ways.append((body[: places[0].start()], body[places[0].end() :]))
    bare = [(words.strip(_QUOTES + " "), label.strip(_QUOTES + " ")) for words, label in ways]
    return [(words, label) for words, label in bare if words and label]
