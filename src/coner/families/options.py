"""Options of a model that are not stored with it: rules and links for its predictions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict

from coner.core.errors import ConfigError
from coner.core.files import sha256
from coner.data.builtin import load_text
from coner.data.label_map import FOLDER, load_map
from coner.families.linking import Linker
from coner.families.rule_file import read_rules
from coner.families.tagger import Tagger
from coner.knowledge import SERVER, load
from coner.knowledge.description import content_hash, read_description
from coner.knowledge.knowledge import Knowledge, KnowledgeBase


class LoadOptions(TypedDict, total=False):
    """Options of ``coner.load``: plain values, sent as JSON.

    Attributes:
        rules: file of names that are always, or never, mentions.
        kb: the knowledge base that the model uses, or to link to: its folder, its address on a server (see
            ``coner.knowledge.load``), or from Python itself.
        link: give each entity its id in the knowledge base.
        label_map: label map from types of the knowledge base; by default a type is the label of the same name.
    """

    rules: str | Path
    kb: KnowledgeBase | None
    link: bool
    label_map: str | Path


def prepare(tagger: Tagger, options: LoadOptions) -> None:
    """Apply the options to a tagger that was loaded.

    Raises:
        ConfigError: an option needs another one.
        DataError: the rules or the label map are faulty, or have labels that the model lacks.
        ModelError: ``kb`` is not a knowledge base, or is damaged.
        MissingExtra: marisa-trie is not installed.
    """
    name = options.get("label_map")
    if name and not options.get("link"):
        raise ConfigError("label_map: is only used to link. Fix: add link (--link), or leave it (--map) out")
    if rules := options.get("rules"):
        tagger.rules = read_rules(rules, tagger.labels)
    if (kb := options.get("kb")) and not options.get("link"):
        own = tagger.knowledge and tagger.knowledge.knowledge.hash
        if own is None or own != _hash(kb):  # another one than the model contains
            got = "got one for a model that " + ("contains another" if own else "was trained without a knowledge base")
            raise ConfigError(f"kb: {got}. Fix: leave it (--kb) out, or add link (--link)")
    if options.get("link"):
        labels = load_map(str(name)).onto(tagger.taxonomy).sets if name else {}
        tagger.linker = Linker(_knowledge(tagger, options.get("kb")), labels)


def _knowledge(tagger: Tagger, kb: KnowledgeBase | None) -> Knowledge:
    """The knowledge base to link to: the one that is named, or that of the model."""
    if kb is not None:
        return load(kb) if isinstance(kb, str | Path) else kb
    if tagger.knowledge is None:
        raise ConfigError("link: got no knowledge base to link to. Fix: add kb (--kb DIR)")
    return tagger.knowledge.knowledge


def stamps(options: LoadOptions) -> dict[str, str]:
    """Hashes of the files that the options name, by kind of file; empty without options."""
    found = {}
    if rules := options.get("rules"):
        found["set of rules"] = sha256(rules)
    if kb := options.get("kb"):
        found["knowledge base"] = _hash(kb)
    if name := options.get("label_map"):
        text = load_text(str(name), FOLDER, "label map")[0]
        found["label map"] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _hash(kb: KnowledgeBase) -> str:
    if not isinstance(kb, str | Path):
        return kb.hash
    return load(str(kb)).hash if str(kb).startswith(SERVER) else content_hash(Path(kb), read_description(Path(kb)))
