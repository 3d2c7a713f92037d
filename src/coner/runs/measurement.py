"""What the predictions of a model are worth that are kept, and how well calibrated all of them are."""

from __future__ import annotations

from coner.evaluation.calibration import reliability
from coner.evaluation.metrics import macro_f1, micro_f1, precision, recall
from coner.evaluation.recalibration import Bools, Floats
from coner.evaluation.significance import intervals
from coner.evaluation.thresholds import Candidates
from coner.families.operating_point import Measurement

QUANTITIES = {"precision": precision, "recall": recall, "micro_f1": micro_f1, "macro_f1": macro_f1}


def measure(candidates: Candidates, scores: Floats, kept: Bools) -> Measurement:
    """Scores of the predictions that are kept, and how well calibrated all of them are with these confidences."""
    errors = reliability(scores, candidates.correct)
    values = intervals(candidates.counts(kept), QUANTITIES)
    return Measurement(
        sentences=candidates.sentences,
        mentions=candidates.gold.shape[1],
        predictions=len(scores),
        kept=int(kept.sum()),
        **{name: (found.value, found.low, found.high) for name, found in values.items()},
        ece=errors.error,
        brier=errors.brier,
    )
