"""Bring names and words into the form in which they are compared."""

from __future__ import annotations

import unicodedata
from typing import Literal

from pydantic import Field

from coner.config.section import Section

CACHED = 1 << 16  # words
MARK = 200  # combining classes from here on are accents; below are vowels and the like of other scripts


class NormalisationSettings(Section):
    """What makes no difference between a name and the words of a sentence; recorded in the knowledge base."""

    case: Literal["fold", "keep"] = Field("fold", description="upper and lower case: the same (fold), or not (keep)")
    accents: Literal["strip", "keep"] = Field("strip", description="letters with and without accents")
    punctuation: Literal["split", "keep"] = Field(
        "split", description="split: punctuation separates words, and is left out"
    )
    width: Literal["fold", "keep"] = Field("fold", description="full-width, half-width and other compatible forms")


class Normaliser:
    """Normalises texts to words separated by single spaces; ``""`` if nothing is left.

    Characters of scripts that are written without spaces are words of their own, so that it does not matter whether a
    corpus has them one by one.
    """

    def __init__(self, settings: NormalisationSettings) -> None:
        self.settings = settings
        self._cache: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Normalise a name, or a word of a sentence."""
        if (known := self._cache.get(text)) is None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            known = self._cache[text] = self._normalise(text)
        return known

    def _normalise(self, text: str) -> str:
        settings = self.settings
        text = unicodedata.normalize("NFC" if settings.width == "keep" else "NFKC", text)
        if settings.case == "fold":
            text = text.casefold()
        if settings.accents == "strip" and not text.isascii():
            decomposed = unicodedata.normalize("NFD", text)
            text = "".join(c for c in decomposed if unicodedata.combining(c) < MARK)
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        return " ".join("".join(map(self._character, text)).split())

    def _character(self, character: str) -> str:
        if character.isalnum():
            wide = not character.isascii() and unicodedata.east_asian_width(character) in "WF"
            return f" {character} " if wide else character
        category = unicodedata.category(character)[0]
        if category in "ZC":
            return " "
        return " " if category == "P" and self.settings.punctuation == "split" else character
