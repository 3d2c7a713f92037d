"""What an operating point was chosen on, with made-up figures."""

from __future__ import annotations

from coner.families.operating_point import Measurement, PointChoice

ONE = (0.5, 0.25, 0.75)
MEASURED = Measurement(
    sentences=1,
    mentions=1,
    predictions=1,
    kept=1,
    precision=ONE,
    recall=ONE,
    micro_f1=ONE,
    macro_f1=ONE,
    ece=0.1,
    brier=0.2,
)
CHOICE = PointChoice(
    goal="precision>=0.9",
    file="dev.conll",
    sha256="0" * 64,
    folds=5,
    seed=0,
    minimum=20,
    rare=(),
    unreachable=0,
    before=MEASURED,
    dev=MEASURED,
    held_out=MEASURED,
)
