"""Versions, commit, hardware and memory of a run; nothing that names a person, a host or a path."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coner.core.processes import available_cores

PACKAGES = (
    "coner", "numpy", "python-crfsuite", "torch", "transformers", "tokenizers", "accelerate", "safetensors",
    "sentencepiece", "huggingface-hub", "pydantic",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def commit(package: Path | None = None) -> dict[str, Any] | None:
    """The commit of the checkout that this package runs from, and whether the package differs from it.

    ``None`` if the package is not tracked in a git checkout (installed inside another project, for example), or git is
    not installed.
    """
    folder = package or Path(__file__).parents[1]
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    head, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")
    return None if head is None or changes is None else {"id": head, "dirty": bool(changes)}


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, threads that it computes with, and the accelerator if any."""
    names = (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name"))
    processor = next(names, "") or platform.machine()
    facts = {"system": platform.system(), "processor": processor, "cores": available_cores(), "threads": 1}
    if (torch := sys.modules.get("torch")) is not None:  # not imported for this alone
        facts["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            facts["accelerator"] = torch.cuda.get_device_name()
    return facts


def peak_memory() -> int | None:
    """Peak resident memory of this process in bytes; ``None`` where the system does not report it."""
    # On Linux, the value of getrusage starts at the peak of the process that started this one.
    lines = (line for line in _lines("/proc/self/status") if line.startswith("VmHWM:"))
    if (line := next(lines, None)) is not None:
        return 1024 * int(line.split()[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
