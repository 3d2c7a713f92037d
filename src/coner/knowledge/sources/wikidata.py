"""The JSON dump of Wikidata: an array with an item per line, as published at dumps.wikimedia.org.

Types are the values of *instance of* (P31) and *occupation* (P106), the prior is the number of sitelinks.
Format: https://doc.wikimedia.org/Wikibase/master/php/docs_topics_json.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coner.core.untrusted import parse_json
from coner.knowledge.dump import Dump, Lines
from coner.knowledge.entry import Entry
from coner.knowledge.source import SourceSettings, sources

TYPES = ("P31", "P106")


class Wikidata(Dump):
    title = "JSON dump of Wikidata"

    def sniff(self, path: Path, head: str) -> bool:
        """A line begins like an item."""
        return any(line.startswith('{"type":"item"') or '"claims":' in line for line in head.split("\n", 3)[:3])

    def parse(self, lines: Lines, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """One entry per item with a name in one of the languages."""
        for _, line in lines:
            text = line.strip().removesuffix(",")
            if text in ("", "[", "]"):
                continue
            try:
                entry = _entry(parse_json(text), settings.languages)
            except (ValueError, AttributeError, TypeError, KeyError):
                skipped["not a valid item"] += 1
                continue
            if entry is None:
                skipped["not an item"] += 1
            elif not entry.names:
                skipped["no name in these languages"] += 1
            else:
                yield entry


def _entry(item: Any, languages: tuple[str, ...]) -> Entry | None:
    if item["type"] != "item":
        return None
    labels, aliases, texts = (_object(item.get(key)) for key in ("labels", "aliases", "descriptions"))
    main = [labels[language]["value"] for language in languages if language in labels]
    others = [alias["value"] for language in languages for alias in aliases.get(language, ())]
    names = tuple(dict.fromkeys(" ".join(name.split()) for name in main + others))
    description = next((texts[language]["value"] for language in languages if language in texts), "")
    claims = _object(item.get("claims"))
    types = dict.fromkeys((name for key in TYPES for name in _values(claims.get(key, ()))), 1.0)
    return Entry(names, types, description, float(len(item.get("sitelinks", ()))), item["id"])


def _object(value: Any) -> Any:
    return value or {}  # PHP writes an empty object as an empty array


def _values(claims: Any) -> Iterator[str]:
    for claim in claims:
        if claim["rank"] != "deprecated" and claim["mainsnak"]["snaktype"] == "value":
            yield claim["mainsnak"]["datavalue"]["value"]["id"]


sources.register(Wikidata(), "wikidata")
