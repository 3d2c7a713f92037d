"""Tables about a knowledge base."""

from __future__ import annotations

from collections.abc import Sequence

from coner.knowledge.coverage import Coverage, CoverageCounts
from coner.knowledge.description import Description
from coner.knowledge.entry import Candidate
from coner.report.grid import DASH, Bold, Grid


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else DASH


def sources_grid(description: Description) -> Grid:
    """One row per source."""
    heading = ["source", "format", "entries", "left out", "licence"]
    rows = [
        [s.file, s.format, f"{s.entries:,}", f"{sum(s.skipped.values()):,}", s.licence or DASH]
        for s in description.sources
    ]
    return Grid(heading, rows)


def coverage_grid(coverage: Coverage) -> Grid:
    """One row per class, the most frequent first: mentions, and which share of them is in the knowledge base."""
    heading = ["class", "mentions", "in it", "right class", "unseen", "in it", "right class"]

    def row(name: str, c: CoverageCounts) -> list[str]:
        known = [f"{c.mentions:,}", _share(c.covered, c.mentions), _share(c.right, c.mentions)]
        return [name, *known, f"{c.unseen:,}", _share(c.unseen_covered, c.unseen), _share(c.unseen_right, c.unseen)]

    ordered = sorted(coverage.classes.items(), key=lambda item: (-item[1].mentions, item[0]))
    rows = [row(label, counts) for label, counts in ordered]
    return Grid(heading, [*rows, [Bold(cell) for cell in row("all", coverage.all)]])


def matches_line(coverage: Coverage) -> str:
    """How often a match is a mention."""
    mentions, right = _share(coverage.mentions, coverage.matches), _share(coverage.right, coverage.matches)
    per = f"{coverage.matches / coverage.sentences:.1f} per sentence" if coverage.sentences else "no sentence"
    line = f"matches: {coverage.matches:,} ({per}); a mention: {mentions}; of the right class: {right}"
    if coverage.likely == coverage.matches:
        return line
    likely = _share(coverage.likely_mentions, coverage.likely)
    return f"{line}\nof names that are mostly mentions: {coverage.likely:,}; a mention: {likely}"


def candidates_grid(candidates: Sequence[Candidate]) -> Grid:
    """One row per entry with the name."""
    heading = ["name", "share", "prior", "types", "id", "description"]

    def types(candidate: Candidate) -> str:
        titles = candidate.titles
        return ", ".join(f"{titles[name]} ({name})" if name in titles else name for name in candidate.types)

    rows = [
        [c.name, f"{c.weight:.2f}", f"{c.prior:g}", types(c) or DASH, c.id or DASH, c.description or DASH]
        for c in candidates
    ]
    return Grid(heading, rows)
