"""Dumps of DBpedia as N-Triples (also named ``.ttl``): types, labels, redirects, short abstracts.

Each file says a part of what is known about a resource; name all of them in one command. Types are classes of the
DBpedia ontology. The prior is the number of redirects, as links are not in these files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from coner.knowledge.dump import Dump, Lines
from coner.knowledge.entry import Entry
from coner.knowledge.source import SourceSettings, sources

NAME = r"<([^<>\s]+)>"
TEXT = r'"((?:[^"\\]|\\.)*)"(?:@([\w-]+)|\^\^<[^<>\s]*>)?'
TRIPLE = re.compile(rf"{NAME}[ \t]+{NAME}[ \t]+(?:{NAME}|{TEXT})[ \t]*\.[ \t]*")
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
REDIRECT = "http://dbpedia.org/ontology/wikiPageRedirects"
TEXTS = ("http://www.w3.org/2000/01/rdf-schema#comment", "http://dbpedia.org/ontology/abstract")
ONTOLOGY = "http://dbpedia.org/ontology/"


class DBpedia(Dump):
    title = "N-Triples of DBpedia: instance-types, labels, redirects, short-abstracts"

    def sniff(self, path: Path, head: str) -> bool:
        """The first line that is not a comment is a triple."""
        first = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "")
        return TRIPLE.fullmatch(first) is not None

    def parse(self, lines: Lines, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """A part of an entry per triple."""
        for _, line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            if (triple := TRIPLE.fullmatch(line)) is None:
                skipped["not a triple"] += 1
                continue
            try:
                entry = _entry(triple, settings.languages)
            except (ValueError, OverflowError):  # an escape that is not a character
                skipped["not a triple"] += 1
                continue
            if entry is None:
                skipped["another property, class or language"] += 1
            else:
                yield entry


def _entry(triple: re.Match[str], languages: tuple[str, ...]) -> Entry | None:
    subject, predicate, resource, literal, language = triple.groups()
    known = literal is not None and (language is None or language in languages)
    if predicate == TYPE and resource and resource.startswith(ONTOLOGY):
        return Entry(types={resource.removeprefix(ONTOLOGY): 1.0}, id=subject)
    if predicate == REDIRECT and resource:
        return Entry(("", _title(subject)), prior=1.0, id=resource)
    if predicate == LABEL and known:
        return Entry((_unescaped(literal),), id=subject)
    if predicate in TEXTS and known:
        return Entry(description=_unescaped(literal), id=subject)
    return None


def _title(resource: str) -> str:
    """The title of a page, without what tells it from pages of the same name: ``Paris_(Texas)``."""
    title = unquote(_unescaped(resource.rpartition("/resource/")[2])).replace("_", " ")
    return re.sub(r" \([^()]*\)$", "", title)


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        short, long, plain = match.groups()
        return chr(int(short or long, 16)) if short or long else PLAIN.get(plain, plain)

    return " ".join(ESCAPE.sub(character, text).encode("utf-16", "surrogatepass").decode("utf-16").split())


sources.register(DBpedia(), "dbpedia")
