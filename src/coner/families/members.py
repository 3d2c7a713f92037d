"""Models within a model: their files lie in its folder, shared with those that they came from where that can be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from coner.families.manifest import MANIFEST, Manifest, read_manifest, write_model

MEMBERS = "members"  # the folder of their folders


def place(number: int) -> str:
    """Where a member lies in the folder, counted from 1."""
    return f"{MEMBERS}/{number}"


def write_with_members(folder: Path, manifest: Manifest, members: Sequence[Path]) -> None:
    """Write a model folder with those of its members in it, whole or not at all.

    Raises:
        ModelError: a member's folder is gone or damaged.
        OutputError: it cannot be written.
    """
    files = [[MANIFEST, *read_manifest(member).files] for member in members]

    def write(aside: Path) -> None:
        for number, (member, names) in enumerate(zip(members, files, strict=True), 1):
            for name in names:
                _link(member / name, aside / place(number) / name)

    write_model(folder, manifest, write)


def _link(source: Path, target: Path) -> None:
    """The file under a second name where the file system allows it, else a copy; models are replaced, never changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if os.access(source, os.W_OK):  # a link has the rights of its file, and what is saved is opened to be flushed
            target.hardlink_to(source.resolve())
            return
    except OSError:
        pass
    shutil.copyfile(source, target)
