"""``kb.json``: what a knowledge base holds, and from which sources."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from coner.config.section import Natural, Section
from coner.core.errors import ModelError
from coner.core.files import sha256
from coner.core.untrusted import read_json
from coner.knowledge.normalisation import NormalisationSettings

DESCRIPTION, TRIE, DATABASE = "kb.json", "names.marisa", "entries.sqlite"
VARIANTS = "edits.bin"  # of a knowledge base that also matches names one edit apart
NAMES = "names.txt"  # instead of the trie, in a model folder
CONTENT = {"normalisation", "longest", "names", "entries", "types", "files", "simulated"}  # of a description
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SourceDescription(Section):
    """One file that was read."""

    file: str
    format: str
    sha256: Sha256
    licence: str = ""
    entries: Natural  # read from it, before merging
    skipped: dict[str, Natural]  # reason to number of entries or lines


class FileDescription(Section):
    """One file of the knowledge base."""

    bytes: Natural
    sha256: Sha256


class DampingDescription(Section):
    """The labelled data by which names were down-weighted."""

    file: str
    sha256: Sha256
    names: Natural  # number of down-weighted names


class Description(Section):
    """The content of ``kb.json``."""

    format: Literal[2, 3] = 3
    created: str  # date, ISO 8601
    normalisation: NormalisationSettings
    longest: Annotated[int, Field(ge=0, le=64)]  # words of the longest name
    names: Natural  # different ones, normalised
    entries: Natural
    types: Natural  # different ones
    untyped: Natural  # entries without a type
    dropped: dict[str, Natural]  # reason to number of entries that were left out after merging
    sources: tuple[SourceDescription, ...]
    files: dict[str, FileDescription]
    unmapped: Natural = 0  # types that were left out, as the label map lacks them
    damping: DampingDescription | None = None
    simulated: bool = False  # made from gold mentions, to simulate a large knowledge base
    edits: Annotated[int, Field(ge=0, le=1)] = 0  # by which a long name may differ


def read_description(folder: Path) -> Description:
    """The description of a knowledge base; ``ModelError`` if the folder has none, or it is damaged."""
    path = folder / DESCRIPTION
    if not path.exists():
        raise ModelError(
            f"{folder}: is not a knowledge base: it has no {DESCRIPTION}. Fix: coner kb build SOURCES --out DIR"
        )
    try:
        found = Description.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if place == "format":
            fix = "Fix: update coner, or build it again"
            raise ModelError(f"{path}: format: got {first['input']!r:.80}; expected 2 or 3. {fix}") from None
        raise ModelError(f"{path}: {place}: {first['msg']}. Fix: build it again") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}. Fix: build it again") from None
    expected = [TRIE, DATABASE, *[VARIANTS] * found.edits]
    if set(found.files) != set(expected):
        got = f"got {', '.join(found.files)[:200]}; expected {', '.join(expected)}"
        raise ModelError(f"{path}: files: {got}. Fix: build it again")
    if found.format < 3 and found.damping is not None:
        got = f"got format {found.format}, which lacks the sentences by which its names are down-weighted; expected 3"
        raise ModelError(f"{path}: {got}. Fix: build it again")
    return found


def content_hash(folder: Path, description: Description) -> str:
    """A hash that identifies a knowledge base by its content, not by its date or licences."""
    if description.format < 3:  # models that use one name the hash of the whole description
        return sha256(folder / DESCRIPTION)
    content = description.model_dump(mode="json", include=CONTENT)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
