"""What a run was done with: versions, commit, processor, memory. Nothing that names a person, a host or a place."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coner.core.cores import available_cores

PACKAGES = (
    "coner", "numpy", "python-crfsuite", "torch", "transformers", "tokenizers", "accelerate", "safetensors",
    "sentencepiece", "huggingface-hub", "pydantic",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(package: Path | None = None) -> dict[str, Any] | None:
    """The commit of the checkout that this package runs from, and whether the package differs from it.

    ``None`` where the package is no part of a git checkout (installed, say, below some other project's), or there
    is no git.
    """
    folder = package or Path(__file__).parents[1]
    if _git(folder, "ls-files", "--error-unmatch", "errors.py") is None:
        return None
    head, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")
    return None if head is None or changes is None else {"id": head, "dirty": bool(changes)}


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, threads that it computes with, and the accelerator if any."""
    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": available_cores(),
        "threads": 1,
    }
    if (torch := sys.modules.get("torch")) is not None:  # a run without it does not pay for it
        found["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            found["accelerator"] = torch.cuda.get_device_name()
    return found


def peak_memory() -> int | None:
    """The most memory that this process has held so far, in bytes (resident set); ``None`` where it is not told."""
    try:  # Linux; what getrusage tells there begins with the peak of the process that started this one
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()
