"""Numbers with their nouns, and lists that stay short, for messages."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 fault``, ``2,000 faults``; ``plural`` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(items: Sequence[str], maximum: int = 20) -> str:
    """``a, b and 3 more``: at most so many items, and how many others there are."""
    shown = ", ".join(items[:maximum])
    return shown if len(items) <= maximum else f"{shown} and {len(items) - maximum:,} more"
