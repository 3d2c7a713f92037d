"""The simulation of a large knowledge base: what it holds of the gold mentions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import coner
from coner.knowledge import load
from coner.knowledge.folder import FolderKnowledge
from helpers import ROOT, SAMPLE

FILES = [SAMPLE / "train.conll", SAMPLE / "dev.conll"]


def make(out: Path, *options: object) -> FolderKnowledge:
    command = [sys.executable, ROOT / "benchmarks/oracle_kb.py", *FILES, "--out", out, *options]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return load(out)


def known(kb: FolderKnowledge) -> dict[tuple[str, str], bool]:
    """The mentions that a name covers exactly: surface and label, and whether the label is among the types."""
    found = {}
    for file in FILES:
        for sentence in coner.stream(file, gold=True):
            types = {(match.start, match.end): match.types for match in kb.match(sentence.words)}
            for entity in sentence.entities or ():
                if (place := (entity.start, entity.end)) in types:
                    found[sentence.surface(entity).lower(), entity.label] = entity.label in types[place]
    return found


def test_whole_coverage_knows_every_mention_with_its_label_and_none_knows_none(tmp_path: Path) -> None:
    gold = {
        (sentence.surface(entity).lower(), entity.label)
        for file in FILES
        for sentence in coner.stream(file, gold=True)
        for entity in sentence.entities or ()
    }
    whole = known(make(tmp_path / "whole", "--coverage", 1))
    # Names that differ only in what is normalised share their types; a name of punctuation alone has none.
    assert len(whole) > 0.99 * len(gold)
    assert all(whole.values())
    assert known(make(tmp_path / "none", "--coverage", 0)) == {}
    assert load(tmp_path / "whole").description.simulated


def test_coverage_is_nested_and_wrong_types_are_never_right(tmp_path: Path) -> None:
    few, many = (known(make(tmp_path / str(share), "--coverage", share, "--seed", 7)) for share in (0.3, 0.8))
    whole = known(make(tmp_path / "whole", "--coverage", 1))
    assert few.keys() < many.keys() < whole.keys()
    assert len(few) / len(whole) == pytest.approx(0.3, abs=0.05)
    assert len(many) / len(whole) == pytest.approx(0.8, abs=0.05)
    some = known(make(tmp_path / "wrong", "--coverage", 1, "--wrong", 0.3))
    assert sum(some.values()) / len(some) == pytest.approx(0.7, abs=0.06)


def test_names_of_held_out_files_have_their_own_coverage(tmp_path: Path) -> None:
    held_out = ["--held-out", SAMPLE / "dev.conll", "--held-out-coverage", 0]
    found = known(make(tmp_path / "kb", "--coverage", 1, *held_out))
    dev = {s.surface(e).lower() for s in coner.stream(SAMPLE / "dev.conll", gold=True) for e in s.entities or ()}
    assert found
    overlap = {surface for surface, _ in found} & dev
    assert len(overlap) <= 2  # names that differ from one of train only in what is normalised
