"""Notebooks as pages, with the outputs of a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config


def run(file: Path) -> Any:
    """The notebook after all of its cells ran, in an empty folder; a cell that fails is an error."""
    notebook = nbformat.read(file, as_version=4)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # no warning of a debugger that nobody uses
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as sockets:
        config = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/socket"})  # no ports
        NotebookClient(notebook, config=config, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return notebook


def markdown(notebook: Any) -> str:
    """The cells as Markdown; of an output in several types, HTML."""
    return "\n\n".join(block for cell in notebook.cells for block in _blocks(cell)) + "\n"


def _blocks(cell: Any) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:  # without empty lines, which would end it
            html = "\n".join(filter(str.strip, data["text/html"].splitlines()))
            yield f'<div class="notebook-output">\n{html}\n</div>'
        elif text := data.get("text/plain") or (output.get("text") if output.get("name") == "stdout" else ""):
            yield f'<div class="notebook-output">\n\n```text\n{text.rstrip()}\n```\n\n</div>'
