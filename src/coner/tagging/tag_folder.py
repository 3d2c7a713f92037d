"""``coner tag`` of several files, into a folder: in this process, or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from coner.tagging.run import Engine, Told
    from coner.tagging.slices import Job

EngineName = Literal["local", "ray"]


def goes_into_folder(sources: Sequence[str], out: str, engine: EngineName) -> bool:
    """Whether the output is a folder, whose files keep name and form."""
    return engine == "ray" or len(sources) > 1 or out.endswith("/")


def tag_folder(sources: Sequence[str], out: str, job: Job, engine: Engine) -> None:
    """Tag files into a folder, and say how much there was; errors as ``scale.run.tag_files``, or no folder named."""
    from coner.core.errors import OutputError
    from coner.core.progress import stderr
    from coner.tagging.run import tag_files

    if out == "-":
        raise OutputError("--out: not named; several files, or those of --engine ray, are tagged into a folder")
    for line in _told(tag_files(sources, Path(out), job, engine)):
        stderr.print(line)


def engine_of(name: EngineName, *, address: str | None, workers: int | None) -> Engine:
    """Who tags: this process, or the workers of a cluster."""
    from coner.tagging.run import here

    if name == "local":
        return here
    from coner.tagging.cluster import ray_engine

    return ray_engine(address, workers)


def _told(told: Told) -> list[str]:
    counts = told.counts
    lines = [f"{told.before} of {told.files} files were done before"] if told.before else []
    if told.before < told.files:
        parts = [f"{told.files - told.before} files", f"{counts['sentences']} sentences"]
        parts.append(f"{counts['entities']} entities")
        mended = {
            "repaired in the input": counts["repaired"],
            "left out": counts["skipped"],
            "tags repaired": counts["tags"],
        }
        lines.append(", ".join(parts + [f"{count} {what}" for what, count in mended.items() if count]))
    return lines
