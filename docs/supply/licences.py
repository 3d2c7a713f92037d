"""Print a Markdown table of all packages that this environment holds, with their versions and licences.

python docs/supply/licences.py > build/licences.md
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions


def licence(package: Distribution) -> str:
    """The licence of a package: its expression (PEP 639), else its classifiers, else the first line of the field."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return expression
    names = [value.rpartition(" :: ")[2] for value in meta.get_all("Classifier", []) if value.startswith("License ::")]
    named = [name for name in names if name != "OSI Approved"]
    first = (meta.get("License") or "").strip().partition("\n")[0][:60]
    return " or ".join(named) or first or "not stated"


def main() -> None:
    """Print the table, in the order of the names."""
    rows = {(package.name.lower(), package.name, package.version, licence(package)) for package in distributions()}
    lines = ["| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {version} | {licence.replace('|', '/')} |" for _, name, version, licence in sorted(rows)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
