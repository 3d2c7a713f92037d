"""The page of public names, from their docstrings and the comments beside their fields."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from contextlib import suppress
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import coner
from coner.core import errors

# Classes that public functions take, return or raise; Sphinx reports a reference to one that is missing here.
FURTHER = (
    "coner.data.reading.reader.ReadOptions",
    "coner.data.reading.reader.Reader",
    "coner.data.reading.layout.ConllLayout",
    "coner.data.memory.Frame",
    "coner.evaluation.score.Labelled",
    "coner.decoding.chain.Chain",
    "coner.evaluation.results.Scores",
    "coner.evaluation.results.Level",
    "coner.evaluation.results.OwnScores",
    "coner.evaluation.results.Result",
    "coner.evaluation.results.Recall",
    "coner.families.options.LoadOptions",
    "coner.families.rules.Changes",
    "coner.families.usage.Failure",
    "coner.knowledge.knowledge.Knowledge",
    "coner.knowledge.entry.Match",
    "coner.knowledge.entry.Candidate",
    "coner.families.usage.Usage",
    "coner.families.usage.Spending",
)
CLASS = ".. autoclass:: {}\n   :members:\n"


def page() -> str:
    """Markdown with directives for autodoc."""
    public = {name: getattr(coner, name) for name in coner.__all__}
    functions = [f".. autofunction:: coner.{name}\n" for name, value in public.items() if inspect.isfunction(value)]
    classes = [CLASS.format(f"coner.{name}") for name, value in public.items() if inspect.isclass(value)]
    raised = [
        f".. autoexception:: coner.core.errors.{name}\n"
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.ConerError) and value is not errors.ConerError
    ]
    parts = {
        "Functions": functions,
        "Classes": [*classes, ".. py:data:: __version__\n   :type: str\n"],
        "Errors": raised,
        "Further classes": list(map(CLASS.format, FURTHER)),
    }
    text = "# Python\n\n`import coner` has the functions and classes. [From Python](../python.md) has examples.\n"
    text += "\n```{eval-rst}\n.. py:module:: coner\n```\n"
    for title, directives in parts.items():
        text += f"\n## {title}\n\n```{{eval-rst}}\n.. py:currentmodule:: coner\n\n" + "\n".join(directives) + "```\n"
    return text


def name_types() -> None:
    """Import what the modules of these names import for type checkers only, so that annotations can be read."""
    public = {getattr(getattr(coner, name), "__module__", "coner") for name in coner.__all__}
    for name in sorted(public | {name.rpartition(".")[0] for name in FURTHER}):
        module = import_module(name)
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
        for statement in [inner for block in blocks for inner in block.body if isinstance(inner, ast.ImportFrom)]:
            with suppress(ImportError):  # of an extra that is not installed
                exec(ast.unparse(statement), vars(module))


def fields(cls: type) -> dict[str, str]:
    """What the comments say of the annotated fields of a class: the one behind a field, or those above it."""
    lines = textwrap.dedent(inspect.getsource(cls)).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    found = {}
    for node in tree.body if isinstance(tree, ast.ClassDef) else []:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            behind = re.search(r"  # (?!type:)(.+)$", lines[(node.end_lineno or 0) - 1])
            above: list[str] = []
            while (line := lines[node.lineno - 2 - len(above)].strip()).startswith("# "):
                above.insert(0, line[2:])
            if text := behind[1] if behind else " ".join(above):
                found[node.target.id] = text
    return found


def describe(_app: Any, what: str, _name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Add the fields of a class to its description."""
    if what == "property":  # a comment first: else what is before a colon would be read as its type
        lines[:0] = [".. property", ""]
    if what == "class":
        own = [cls for cls in reversed(obj.__mro__) if cls.__module__.startswith("coner.")]
        known = {name: text for cls in own for name, text in fields(cls).items() if not name.startswith("_")}
        role = "param" if is_dataclass(obj) else "ivar"
        lines += [f":{role} {name}: {text}" for name, text in known.items()] + [""]


def resolve(app: Any, env: Any, node: Any, child: Any) -> Any:
    """An exception by its bare name, as in *Raises*."""
    if node.get("reftype") != "exc":
        return None
    domain = env.get_domain("py")
    name = node.get("reftarget", "").rpartition(".")[2]
    found = [full for full, entry in domain.objects.items() if full.rpartition(".")[2] == name and not entry.aliased]
    if len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, child)
