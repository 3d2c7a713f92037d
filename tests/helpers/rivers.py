"""Four labelled sentences of words that the tiny encoders know, and their taxonomy."""

from __future__ import annotations

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
TEXTS = [
    ("the rhine flows through basel", [Entity(1, 2, "River"), Entity(4, 5, "City")]),
    ("dvořák composed in são paulo", [Entity(0, 1, "Artist"), Entity(3, 5, "City")]),
    ("rotterdam", [Entity(0, 1, "City")]),
    ("the symphony in the city", []),
]
SENTENCES = [Sentence(tuple(text.split()), tuple(entities)) for text, entities in TEXTS]
