"""Models within a model: their files are hard links to those of the original models if possible, else copies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from coner.families.manifest import MANIFEST, Manifest, read_manifest, write_model

MEMBERS = "members"  # subfolder with a folder for each member


def place(number: int) -> str:
    """The path of a member in the folder, counted from 1."""
    return f"{MEMBERS}/{number}"


def write_with_members(folder: Path, manifest: Manifest, members: Sequence[Path]) -> None:
    """Write a model folder with its members, completely or not at all.

    Raises:
        ModelError: the folder of a member is missing or damaged.
        OutputError: the folder cannot be written.
    """
    files = [[MANIFEST, *read_manifest(member).files] for member in members]

    def write(temporary: Path) -> None:
        for number, (member, names) in enumerate(zip(members, files, strict=True), 1):
            for name in names:
                _link(member / name, temporary / place(number) / name)

    write_model(folder, manifest, write)


def _link(source: Path, target: Path) -> None:
    """Link or copy a file; links are safe because files of models are replaced, never changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if os.access(source, os.W_OK):  # a link has the permissions of its file, which must be opened to be flushed
            target.hardlink_to(source.resolve())
            return
    except OSError:
        pass
    shutil.copyfile(source, target)
