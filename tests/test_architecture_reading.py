"""What reads files has bounds: all but a list of modules read through ``core.opening`` and ``core.untrusted``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from test_architecture import FILES, PACKAGE, name_of

READS = {"read_text", "read_bytes", "open", "readline", "readlines", "load_from_disk", "from_file", "loads", "load"}
LIBRARIES = {"json", "tomllib", "gzip", "bz2", "lzma", "np", "numpy", "pickle"}  # whose load and loads are meant

# Modules that read in another way, and why that needs no bound.
OTHERS = {
    "core/files.py": "hashes in blocks, and writes",
    "core/locks.py": "its own lock",
    "core/opening.py": "has the bounds",
    "core/native.py": "the null device",
    "core/processes.py": "the system's own files",
    "core/progress.py": "writes a log",
    "core/resume.py": "its own journal, and the first megabyte of a file",
    "core/terminal.py": "the null device",
    "core/untrusted.py": "has the bounds",
    "cli/app.py": "the null device",
    "cli/config.py": "configs of the package",
    "config/load.py": "values of --set",
    "config/template.py": "values that it has just made",
    "data/builtin.py": "files of the package",
    "data/fetch.py": "downloads whose size and hash were checked",
    "data/formats/jsonl.py": "lines that a reader has read before",
    "data/reading/delimited.py": "a cell of a line",
    "families/crf/crfsuite.py": "files that it has just written",
    "families/encoder/backbone/passes.py": "the system's own files",
    "families/encoder/backbone/pretrained.py": "packages that are checked by hash",
    "families/encoder/backbone/steps.py": "the state of a component",
    "families/encoder/training/checkpoint.py": "the header of its own checkpoint",
    "families/encoder/training/process_group.py": "messages of its own processes",
    "families/llm/answers/lenient_json.py": "the answer of an endpoint, which has a bound",
    "families/llm/endpoint/permission.py": "an answer on the terminal",
    "families/llm/endpoint/transport.py": "the answer of an endpoint, which has a bound",
    "families/manifest.py": "opens to write to the disk",
    "families/onnx/tagger.py": "a file whose size and hash the manifest has",
    "families/stored_point.py": "the text of a bounded file",
    "hub/installed.py": "metadata of an installed package",
    "integrations/spacy.py": "files of a model that it has just written",
    "knowledge/build/__init__.py": "the state of its own build",
    "knowledge/store.py": "the state of its own build",
    "records/machine.py": "the system's own files",
    "report/ablation.py": "reasons that the ablation wrote",
    "report/audit.py": "files of the package",
    "report/html.py": "files of the package",
    "report/package.py": "copies files in blocks, and manifests that were checked",
    "runs/audit/folds.py": "its own folds",
    "runs/several.py": "writes a log",
    "runs/sweep/study.py": "its own study",
    "serving/app.py": "files of the package",
    "tagging/cluster.py": "messages of its own workers",
    "tagging/folder.py": "its own slices",
    "tagging/slice_tagger.py": "counts lines in blocks",
    "tagging/slices.py": "reads lines with a bound",
}


def direct_reads(path: Path) -> list[int]:
    """The lines of calls that may read a file, or parse a text, without a bound."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "open":
            lines.append(node.lineno)
        if isinstance(function, ast.Attribute) and function.attr in READS:
            owner = ast.unparse(function.value)
            if function.attr not in ("loads", "load", "from_file") or owner in LIBRARIES or owner.endswith("Tokenizer"):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_from_outside_are_read_with_bounds(path: Path) -> None:
    if name_of(path) not in OTHERS:
        assert not direct_reads(path), "reads without a bound; use core.opening or core.untrusted"


def test_the_list_names_no_module_without_a_reason_to() -> None:
    assert not [name for name in OTHERS if not direct_reads(PACKAGE / name)]
