"""What an OpenSearch server holds of a knowledge base: a document per name, some of sentences, and one of the whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from coner.config.section import Fraction, Natural, Rate, Section
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.normalisation import NormalisationSettings

ABOUT = "about"  # id of the document that describes the knowledge base
CANDIDATES = 20  # maximum per name


class About(Section):
    """The document that describes the knowledge base."""

    format: Natural = 1
    hash: str
    names: Natural
    longest: Natural = Field(le=64)  # maximum words of a name
    normalisation: NormalisationSettings
    types: dict[str, Natural]
    simulated: bool = False
    damping: str = ""  # file by which names are down-weighted; "": none


class StoredCandidate(Section):
    """A candidate."""

    name: str
    types: dict[str, Rate]
    titles: dict[str, str]
    description: str
    prior: Rate
    id: str
    source: str
    weight: Rate


class Value(Section):
    """The meaning of a name."""

    alias: Natural
    types: dict[str, Rate]
    entries: Natural
    prior: Rate
    share: Fraction = 1.0
    candidates: Annotated[list[StoredCandidate], Field(max_length=CANDIDATES)]


def documents(knowledge: FolderKnowledge) -> Iterator[Mapping[str, Any]]:
    """Those of its names: the normalised form, which is searched, and the meaning."""
    for key, match in knowledge.names():
        things = [asdict(candidate) for candidate in knowledge.candidates(match, CANDIDATES)]
        value = {"alias": match.alias, "types": dict(match.types), "entries": match.entries, "prior": match.prior}
        value["share"] = match.share
        yield {"_id": str(match.alias), "key": key, "value": {**value, "candidates": things}}


def damping_documents(texts: Collection[int]) -> Iterator[Mapping[str, Any]]:
    """Those of the sentences by which names are down-weighted."""
    return ({"_id": f"damping {text}", "key": damping_key(text)} for text in texts)


def damping_key(text: int) -> str:
    """What such a sentence is found by: no normalised name begins with a space."""
    return f" damping {text}"
