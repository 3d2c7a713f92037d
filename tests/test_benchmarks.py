"""The benchmarks: what they say of the processor, and the table of docs/speed.md."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def test_the_page_shows_the_figures_of_the_records() -> None:
    command = [sys.executable, ROOT / "benchmarks/table.py"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "|" in table
    assert table in (ROOT / "docs/speed.md").read_text(encoding="utf-8"), "run python benchmarks/table.py --write"


@pytest.mark.parametrize(
    ("flags", "kind", "bfloat16"),
    [
        ("flags : fpu avx avx2 fma", "avx2", False),
        ("flags : avx2 avx512f avx512_vnni", "avx512", False),
        ("flags : avx2 avx512f avx512_bf16", "avx512-bf16", True),
        ("flags : avx2 avx512f avx512_bf16 amx_bf16 amx_tile", "amx", True),
        ("Features : fp asimd bf16", "other", True),
        ("Features : fp asimd", "other", False),
    ],
)
def test_the_kind_of_processor_is_read_from_its_features(
    flags: str, kind: str, bfloat16: bool, tmp_path: Path, processor: Any
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor : 0\nmodel name : Some Name 9\n{flags}\n\nprocessor : 1\n{flags}\n")
    found = processor.read(file, tmp_path)
    assert (found.name, found.kind, found.has_bfloat16, found.caches) == ("Some Name 9", kind, bfloat16, {})


def test_caches_of_data_are_read_and_those_of_instructions_left_out(tmp_path: Path, processor: Any) -> None:
    for index, (level, kind, size) in enumerate([(1, "Data", "32K"), (1, "Instruction", "64K"), (2, "Unified", "1M")]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in {"level": level, "type": kind, "size": size}.items():
            (folder / name).write_text(f"{value}\n")
    assert processor.read(tmp_path / "missing", tmp_path).caches == {"L1": "32K", "L2": "1M"}


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of the benchmarks, which are no package."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setenv("GOMP_SPINCOUNT", "20000")  # set where it is imported
    return importlib.import_module("harness").Processor
