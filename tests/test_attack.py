"""A few seconds of ``make attack``, whose attacks find nothing, and report what they find."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

import attack


def test_a_server_answers_64_clients() -> None:
    outcome = attack.clients(0.1, seed=1)
    assert (outcome.tried, outcome.failed) == (64, 0), outcome.notes


def test_a_command_is_killed_until_it_ends(tmp_path: Path) -> None:
    code = f"import time, pathlib; time.sleep(0.2); pathlib.Path({str(tmp_path / 'done')!r}).touch()"
    assert attack.run_to_end([sys.executable, "-c", code], random.Random(1), 0.1, float("inf")) == 20
    assert (tmp_path / "done").exists()


def test_a_command_that_fails_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="exit code 3 after 0 kills"):
        attack.run_to_end([sys.executable, "-c", "raise SystemExit(3)"], random.Random(1), 60, 0)


def test_what_a_fuzzer_or_a_test_finds_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack, "TESTS", tmp_path)
    (tmp_path / "fuzz.py").write_text("print('3 crf read, 2 failed'); raise SystemExit(1)\n")
    assert attack.fuzz("fuzz.py")(0.01, 1)[:2] == (5, 2)
    (tmp_path / "fuzz.py").write_text("raise ValueError\n")
    assert attack.fuzz("fuzz.py")(0.01, 1)[:2] == (1, 1)
    (tmp_path / "test_it.py").write_text("def test_a(): pass\ndef test_b(): assert 0\n")
    assert attack.tests("test_it.py")(0.01, 1)[:2] == (2, 1)
    (tmp_path / "test_it.py").write_text("")
    assert attack.tests("test_it.py")(0.01, 1)[:2] == (0, 1)


def test_tests_of_the_project_are_counted() -> None:
    assert attack.tests("core/test_counted.py")(0.01, 1)[:2] == (2, 0)
