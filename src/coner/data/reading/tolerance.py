"""How many entities of a gold file ``--repair`` may leave out, and what a file with more of them looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from coner.data.reading.schemes import SHARE, TOLERATED

SNAPPED_SHARE = 0.5  # of the entities that may be extended to whole words: none is lost
KEPT = frozenset({"repaired", "snapped", "converted", "nested"})  # types of faults that leave out no entity by accident
LAYERS = "several layers of annotation in one. Fix: write a file for each layer"
CHANGED = "a text that was changed after its annotation. Fix: export the text and its entities together"
LOOKS = {  # by the most frequent type of fault
    "across sentences": "a text with wrapped lines. Fix: read it with --lines wrapped",
    "discontinuous": "entities in pieces, which tags cannot hold. Fix: write each as one span",
    "outside": CHANGED,
    "overlapping": LAYERS,
    "several labels": LAYERS,
    "text differs": CHANGED,
    "two labels": LAYERS,
    "without a label": "annotation that is not finished. Fix: give each entity a label",
}
SNAPPED = (
    "offsets of another text, or a script without spaces between words. Fix: export the text and its entities together,"
    " or give the words too"
)
UNKNOWN = "another format. Fix: read it without --repair, to see the first fault"


def excess(faults: Mapping[str, int], kept: int) -> str | None:
    """Why a gold file with these faults and so many entities that are ``kept`` is not to be repaired, if it is not."""
    left_out = Counter({fault: count for fault, count in faults.items() if fault not in KEPT})
    lost, snapped = left_out.total(), faults.get("snapped", 0)
    if lost > TOLERATED and lost > SHARE * (kept + lost):
        counts = ", ".join(f"{fault} {count}" for fault, count in left_out.most_common())
        got = f"got {lost} of {kept + lost} entities to leave out ({counts}); expected at most {SHARE:.0%}"
        return f"{got}. It looks like {LOOKS.get(left_out.most_common(1)[0][0], UNKNOWN)}"
    if snapped > TOLERATED and snapped > SNAPPED_SHARE * kept:
        return f"got {snapped} of {kept} entities that start or end inside words. It looks like {SNAPPED}"
    return None
