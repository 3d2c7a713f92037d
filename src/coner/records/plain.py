"""Settings and facts as a record may hold them: JSON values without paths of this machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from coner.core.files import as_text


def plain(value: Any) -> Any:
    """Convert to JSON values: of a path only the last part, and ``None`` for NaN or infinite numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, PurePath):
        return as_text(value.name)
    if isinstance(value, str):
        return as_text(_last_part(value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _last_part(text: str) -> str:
    """The last part of a path; other text, such as a hub name (``owner/model``), is kept."""
    try:
        exists = "/" in text and Path(text).exists()
    except (OSError, ValueError):  # too long, or a zero byte: not a path
        exists = False
    if exists or text.startswith(("/", "./", "../", "~/")):
        return PurePath(text).name or text
    windows = PureWindowsPath(text)
    return windows.name if windows.drive and windows.root else text
