"""Who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import ROOT

ROOT = ROOT / "src/coner"

# Part to the parts that it may import; data flows one way. Errors, types, tags and files are everybody's.
BASE = {"errors", "types", "tags", "files", "lines", "registry", "progress", "interrupt", "cores", "processes"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "tags": {"types"},
    "registry": {"errors"},
    "files": {"errors"},
    "lines": {"errors"},
    "progress": set(),
    "interrupt": set(),
    "processes": {"errors"},
    "cores": {"processes"},
    "__main__": {"cli"},
    "resume": {"errors", "files"},
    "config": {"errors", "tags"},
    "data": BASE,
    "features": BASE,
    "encoder": BASE | {"config"},
    "evaluation": BASE,
    "hub": BASE,
    "taggers": BASE | {"config", "data", "features", "encoder", "llm", "hub"},
    "llm": BASE | {"config", "data", "encoder"},  # an encoder finds examples that are like a sentence
    "training": BASE | {"config", "data", "features", "encoder", "taggers", "evaluation", "hub"},
    "report": BASE | {"config", "data", "evaluation"},
    "parts": BASE | {"config", "data", "report", "training"},
    "judging": BASE | {"parts", "data", "taggers", "training", "evaluation", "report"},
    "experiment": BASE | {"parts", "judging", "config", "data", "taggers", "training", "report"},
    "voting": BASE
    | {"hub", "config", "data", "taggers", "training", "evaluation", "report", "parts", "judging", "experiment"},
    "prompting": BASE | {"config", "data", "llm", "taggers", "training", "report", "parts", "judging", "experiment"},
    "hybrid": BASE | {"config", "taggers", "training", "report", "parts", "judging", "experiment", "prompting"},
    "export": BASE | {"config", "data", "encoder", "taggers", "evaluation", "report", "parts", "experiment"},
    "publish": BASE | {"config", "data", "hub", "report", "taggers"},
    "ablation": BASE | {"config", "report", "parts", "judging", "experiment"},
    "sweep": BASE | {"config", "taggers", "training", "parts", "experiment"},
    "serving": BASE | {"config", "data", "taggers", "hub"},
    "spacy": BASE | {"data", "taggers"},
    "estimators": BASE | {"config", "data", "taggers", "training", "evaluation", "parts"},
    "scale": BASE | {"resume", "data", "taggers"},
    "commands": BASE
    | {
        "resume",
        "config",
        "data",
        "taggers",
        "training",
        "evaluation",
        "report",
        "experiment",
        "ablation",
        "sweep",
        "voting",
        "prompting",
        "hybrid",
        "llm",
        "export",
        "serving",
        "hub",
        "publish",
        "scale",
    },
    "cli": {"commands", "cores", "errors", "processes"},
    "__init__": {"data", "errors", "evaluation", "taggers", "types"},
}


def part(module: str) -> str:
    """``coner.data.formats.conll`` belongs to ``data``."""
    return module.split(".")[1]


def imported(path: Path) -> set[str]:
    """Parts of coner that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} if node.module != "coner" else {f"coner.{a.name}" for a in node.names}
    return {part(name) for name in found if name.startswith("coner.")}


FILES = sorted(path for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_part_may(path: Path) -> None:
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    assert own in ALLOWED, f"{own} is new: say in the table what it may import"
    assert imported(path) - {own} <= ALLOWED[own]


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in memory after a statement in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {
    "torch",
    "transformers",
    "accelerate",
    "matplotlib",
    "huggingface_hub",
    "pycrfsuite",
    "numpy",
    "fastapi",
    "uvicorn",
    "spacy",
    "sklearn",
    "ray",
    "pyarrow",
}


@pytest.mark.parametrize("statement", ["import coner", "import coner.cli", "from coner import read, Sentence, Entity"])
def test_light_things_stay_light(statement: str) -> None:
    assert not HEAVY & loaded_by(statement)


def test_the_crf_and_the_scorer_need_no_torch() -> None:
    statement = (
        "import coner.families.crf.tagger, coner.families.crf.fit, coner.evaluation.significance, coner.report.compare"
    )
    assert not {"torch", "transformers"} & loaded_by(statement)


def test_public_names_are_there() -> None:
    import coner

    assert {name for name in coner.__all__ if getattr(coner, name) is not None} == set(coner.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = coner.nope


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest, which imports them by their names, would leave one of them out."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(set(names)) == sorted(names)
