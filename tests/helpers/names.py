"""Small sources of names, in the layouts in which they are published, and knowledge bases of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge

TABLE = """name,aliases,types,description,prior,id
Miles Davis,Davis|Miles Dewey Davis III,Artist,American trumpeter,120,q1
Davis,,City,city in California,40,q2
Sigur Rós,,Band,Icelandic band,80,q3
Jean-Luc Picard,,Character|Captain,,3,
東京大学,,University,,9,
"""


def knowledge(folder: Path, text: str = TABLE, **settings: Any) -> FolderKnowledge:
    """The knowledge base of one table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.csv").write_text(text, encoding="utf-8")
    build([folder / "table.csv"], folder / "kb", BuildSettings(**settings))
    return FolderKnowledge(folder / "kb")


def item(id: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:
    """An item of Wikidata: ``aliases``, ``texts`` (of ``en``), ``types``, ``occupations``, ``links``."""

    def texts(values: dict[str, str]) -> Any:
        return {language: {"language": language, "value": value} for language, value in values.items()} or []

    aliases: Sequence[str] = more.get("aliases", ())
    claims = {"P31": more.get("types", ()), "P106": more.get("occupations", ())}
    return {
        "type": "item",
        "id": id,
        "labels": texts(labels),
        "descriptions": texts({"en": more["text"]} if "text" in more else {}),
        "aliases": {"en": [{"language": "en", "value": value} for value in aliases]} if aliases else [],
        "claims": {key: [claim(key, value) for value in values] for key, values in claims.items() if values} or [],
        "sitelinks": {f"{n}wiki": {"site": f"{n}wiki", "title": id, "badges": []} for n in range(more.get("links", 0))},
        "lastrevid": 1,
    }


def claim(key: str, value: str, *, rank: str = "normal") -> dict[str, Any]:
    """A statement whose value is another item."""
    number = int(value.removeprefix("Q"))
    datavalue = {"value": {"entity-type": "item", "numeric-id": number, "id": value}, "type": "wikibase-entityid"}
    snak = {"snaktype": "value", "property": key, "datavalue": datavalue, "datatype": "wikibase-item"}
    return {"mainsnak": snak, "type": "statement", "id": f"{value}$1", "rank": rank}


def dump(items: Sequence[Any]) -> str:
    """A dump of Wikidata: an array with an item per line."""
    return "[\n" + ",\n".join(each if isinstance(each, str) else json.dumps(each) for each in items) + "\n]\n"
