"""A training that becomes several times slower says so once."""

from __future__ import annotations

from coner.families.encoder.training.pace import STEPS, Pace


def lines(pace: Pace, seconds: float, *, steps: int, pieces: int = 100) -> list[str]:
    return [line for _ in range(steps) if (line := pace.add(seconds, pieces))]


def test_slower_steps_are_reported_once_with_what_would_help() -> None:
    pace = Pace()
    assert lines(pace, 0.1, steps=3 * STEPS) == []
    (line,) = lines(pace, 0.5, steps=3 * STEPS)
    assert "5.0 times as long" in line
    assert "OMP_NUM_THREADS=1" in line


def test_longer_sentences_and_single_slow_steps_are_not_slowness() -> None:
    pace = Pace()
    assert lines(pace, 0.1, steps=2 * STEPS) == []
    assert lines(pace, 1.0, steps=2 * STEPS, pieces=1000) == []
    assert lines(pace, 9.0, steps=STEPS // 3) == []
