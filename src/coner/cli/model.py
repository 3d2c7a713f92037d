"""Parser of the arguments that name a model."""

from __future__ import annotations

from pathlib import Path


def model_folder(text: str) -> Path:
    """The folder of a model; ``hf://user/name@revision`` is downloaded."""
    from coner.families import model_folder

    return model_folder(text)
