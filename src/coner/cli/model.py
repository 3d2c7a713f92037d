"""The argument that names a model: one place for every command that takes one."""

from __future__ import annotations

from pathlib import Path


def model(text: str) -> Path:
    """The folder of a model that the command line names: a folder, or ``hf://user/name@revision``, which is got."""
    from coner.families.locate import model_folder

    return model_folder(text)
