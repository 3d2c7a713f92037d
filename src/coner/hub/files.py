"""Which files may go to the hub and come from it: weights without code in them, and plain text; a whitelist."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from coner.core.errors import ModelError

CARD, RECORD, README = "model.json", "record.json", "README.md"
# Taggers that ask an endpoint: their settings name its address, and the environment's variable that is sent there.
ASKING = ("llm", "hybrid")
# Nothing of these is run when it is read. ``.model`` is a SentencePiece vocabulary.
KINDS = (".json", ".safetensors", ".npz", ".onnx", ".model", ".txt")


def check_names(names: Iterable[str], place: str) -> list[str]:
    """The files that a model's ``model.json`` names, in order.

    Args:
        names: paths below the model's folder.
        place: of the model, for the message.

    Raises:
        ModelError: one lies outside the folder, or is of a kind that no model of coner has.
    """
    names = sorted(names)
    for name in names:
        kinds = (PurePosixPath(name), PureWindowsPath(name))
        if any(path.anchor or ".." in path.parts for path in kinds) or "\\" in name or kinds[0].as_posix() != name:
            raise ModelError(f"{place}: {CARD} names {name!r}, which lies outside the model's folder; not taken")
        if PurePosixPath(name).suffix not in KINDS:
            raise ModelError(
                f"{place}: {CARD} names {name!r}; expected only files of the kinds {', '.join(KINDS)}; not taken"
            )
    return names


def names_in(text: bytes, place: str) -> list[str]:
    """The files that this ``model.json`` names, checked.

    Raises:
        ModelError: it is none of coner's, its tagger asks an endpoint, or a file is not to be taken.
    """
    try:
        card: dict[str, Any] = json.loads(text)
        if not isinstance(card["kind"], str) or not isinstance(card["format"], int):
            raise TypeError
        names = [str(name) for name in dict(card["files"])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(
            f"{place}: its {CARD} is not that of a model of coner: expected kind, format and files; check the name"
        ) from None
    if card["kind"] in ASKING:
        raise ModelError(
            f"{place}: is of kind {card['kind']}: it would send texts, and a key of this machine, to an address that "
            "its maker chose; not taken"
        )
    return check_names(names, place)
