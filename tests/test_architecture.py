"""The shape of the package: who may import whom, how deep the layers are, how long files and functions get."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from helpers import ROOT

PACKAGE = ROOT / "src/coner"
FILES = sorted(PACKAGE.rglob("*.py"))

# Folders from the top down: a folder imports only from the rows below its own, and from itself.
LAYERS = (
    ("cli",),
    ("serving", "report", "integrations"),
    ("runs",),
    ("tagging",),
    ("families",),
    ("records", "hub"),
    ("decoding", "evaluation", "features", "knowledge"),
    ("data",),
    ("config",),
    ("core",),
)
ROW = {folder: row for row, folders in enumerate(LAYERS) for folder in folders}
MAX_LAYERS, MAX_LINES, MAX_BODY, MAX_ARGUMENTS = 10, 250, 50, 7
# Modules of the package itself: the public names, and former names of modules.
TOP = {"__init__", "__main__", "estimators", "spacy"}


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, those inside functions too, without blocks that only the type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def module_path(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return path if path.is_dir() or path.with_suffix(".py").is_file() else None


@cache
def imports(path: Path) -> frozenset[str]:
    """The folders of the package that a file imports from, as paths below the package."""
    found = set()
    for node in at_run_time(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [n if module_path(n := f"{module}.{a.name}") else module for a in node.names]
        for name in names:
            if name.partition(".")[0] == "coner" and (target := module_path(name)) is not None:
                folder = target if target.is_dir() else target.parent
                found.add(str(folder.relative_to(PACKAGE)))
    return frozenset(found - {str(path.parent.relative_to(PACKAGE))})


@cache
def folder_graph(depth: int | None = None) -> dict[str, frozenset[str]]:
    """Each folder with the folders that it imports from; ``depth`` 1 merges a folder with those in it."""

    def node(folder: str) -> str:
        return "/".join(Path(folder).parts[:depth])

    graph: dict[str, set[str]] = {}
    for path in FILES:
        own = node(str(path.parent.relative_to(PACKAGE)))
        if own:
            graph.setdefault(own, set()).update(node(folder) for folder in imports(path) if node(folder))
    return {folder: frozenset(targets - {folder}) for folder, targets in graph.items()}


def depth_below(folder: str, graph: dict[str, frozenset[str]], above: tuple[str, ...] = ()) -> int:
    """Layers from a folder down, itself included; an ``AssertionError`` names a cycle."""
    assert folder not in above, "cycle: " + " -> ".join((*above[above.index(folder) :], folder))
    return 1 + max((depth_below(target, graph, (*above, folder)) for target in graph.get(folder, ())), default=0)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_from_its_own_folder_and_the_layers_below(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in TOP:
        return
    assert own in ROW, f"{own} is new: add it to the layers here, and to the tree in README.md"
    for target in imports(path):
        top = Path(target).parts[0] if Path(target).parts else ""
        assert top == own or ROW.get(top, -1) > ROW[own], f"{name_of(path)} imports {target}"


@pytest.mark.parametrize("depth", [1, None], ids=["top folders", "all folders"])
def test_no_folders_import_each_other_in_a_circle(depth: int | None) -> None:
    graph = folder_graph(depth)
    for folder in graph:
        depth_below(folder, graph)


def test_there_are_at_most_ten_layers_below_the_command_line() -> None:
    assert depth_below("cli", folder_graph(1)) <= MAX_LAYERS
    assert depth_below("cli", folder_graph(None)) <= MAX_LAYERS


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_function_body_is_too_long(path: Path) -> None:
    for function in functions(path):
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        assert lines <= MAX_BODY, f"{name_of(path)}:{function.lineno}: {function.name} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_function_takes_too_many_arguments(path: Path) -> None:
    """Commands, whose options are arguments, and the constructors of scikit-learn's estimators excepted."""
    if path.parent.name == "cli" or name_of(path) == "integrations/sklearn.py":
        return
    for function in functions(path):
        arguments = function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        count = len([name for name in names if name not in ("self", "cls")])
        assert count <= MAX_ARGUMENTS, f"{name_of(path)}:{function.lineno}: {function.name} takes {count}"


def test_no_two_classes_have_the_same_name() -> None:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in FILES)
    counts = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in counts.items() if count > 1] == []


KINDS = sorted(p.parent.name for p in (PACKAGE / "families").glob("*/__init__.py"))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_families_check_the_kind_of_a_tagger(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] == "families" and len(path.relative_to(PACKAGE).parts) > 2:
        return
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\bkind(\"\])? *(==|!=|in|not in) ", source), "checks a kind; use the family's declaration"
    assert not re.search(r"isinstance\([^()]*\b\w+(Experiment|Tagger|Manifest|Family)\b", source)


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
    "pandas",
}
EVERY_FAMILY = "from coner.families.registry import family, kinds; [family(kind) for kind in kinds()]"


@pytest.mark.parametrize(
    "statement", ["import coner", "import coner.cli", "from coner import read, Sentence, Entity", EVERY_FAMILY]
)
def test_importing_the_package_or_a_declaration_loads_nothing_heavy(statement: str) -> None:
    assert not HEAVY & loaded_by(statement)


def test_the_crf_and_the_scorer_need_no_torch() -> None:
    statement = (
        "import coner.families.crf.tagger, coner.families.crf.fit, coner.evaluation.significance, coner.report.compare"
    )
    assert not {"torch", "transformers"} & loaded_by(statement)


def test_public_names_can_be_imported() -> None:
    import coner

    assert set(dir(coner)) == set(coner.__all__)
    assert all(getattr(coner, name) is not None for name in coner.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = coner.nope


def test_the_readme_describes_every_folder() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in ROW:
        assert re.search(rf"^ +{folder}/ ", tree, re.MULTILINE), f"{folder}/ is missing from the tree in README.md"


def test_the_folders_of_the_tests_are_those_of_the_package() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [str(folder) for folder in sorted(folders) if not (PACKAGE / folder).is_dir()] == []
