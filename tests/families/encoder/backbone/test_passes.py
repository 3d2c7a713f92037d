"""The size of a pass, by the caches of the processor and the width of the encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.families.encoder.backbone import passes


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like that of Linux, without a second-level cache yet."""
    monkeypatch.setattr(passes, "CACHES", tmp_path)
    monkeypatch.setattr(passes, "_second_level_cache", passes._second_level_cache.__wrapped__)
    _write(tmp_path / "index0", level=1, size="32K")
    _write(tmp_path / "index3", level=3, size="32768K")
    return tmp_path


def _write(folder: Path, *, level: int, size: str) -> None:
    folder.mkdir()
    (folder / "level").write_text(f"{level}\n")
    (folder / "size").write_text(f"{size}\n")


def test_a_pass_grows_with_the_second_level_cache_and_shrinks_with_the_width(caches: Path) -> None:
    _write(caches / "index2", level=2, size="512K")
    assert [passes.pass_size(width, 4) for width in (384, 768)] == [512, 256]
    assert passes.pass_size(384, 2) == 1024  # bfloat16


def test_a_large_cache_or_a_wide_encoder_does_not_leave_the_range(caches: Path) -> None:
    _write(caches / "index2", level=2, size="16384K")
    assert passes.pass_size(32, 4) == passes.MAX_PIECES
    assert passes.pass_size(1 << 16, 4) == passes.MIN_PIECES


@pytest.mark.parametrize("size", [None, "", "much"])
def test_a_system_that_does_not_say_gets_the_usual_cache(size: str | None, caches: Path) -> None:
    if size is not None:
        _write(caches / "index2", level=2, size=size)
    assert passes.pass_size(384, 4) == 6 * (1 << 20) // (4 * 384 * 4)
