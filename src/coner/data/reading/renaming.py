"""New names for labels that a format cannot hold."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

SPACES = re.compile(r"[\s\0]+")


def rename_options(labels: Iterable[str], known: Iterable[str] = ()) -> str:
    """Options of the command line that rename labels, so that every format can hold them; ``known`` names are taken."""
    taken, options = set(known), list[str]()
    for label in sorted(set(labels)):
        name = SPACES.sub("_", label)
        while name in taken:
            name += "_"
        taken.add(name)
        options.append(f"--rename {shlex.quote(f'{label}={name}')}")
    return " ".join(options)
