"""JSON in the forms of other tools, in commands: what is not read is named by each, and never gold without entities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.shell import Completed, refusal

Coner = Callable[..., Completed]
NAMES = ("Ana", "Bob", "Zoe", "Max")


def doccano(**more: Any) -> str:
    lines = [{"id": i, "text": f"{name} lives", "label": [[0, 3, "PER"]], **more} for i, name in enumerate(NAMES)]
    return "".join(json.dumps(line) + "\n" for line in lines)


UNREAD = "not read: annotations under 'mentions' 4"
COMMANDS: dict[str, list[str]] = {
    "convert": ["convert", "FILE", "OUT.conll"],
    "stats": ["data", "stats", "FILE"],
    "split": ["data", "split", "FILE", "--dev", "0.5", "--test", "0", "--out", "OUT"],
    "evaluate": ["evaluate", "FILE", "OTHER"],
    "train": ["train", "FILE", "--dev", "OTHER", "--family", "crf", "--out", "OUT"],
}


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[[str, str], list[str]]:
    def fill(command: str, content: str) -> list[str]:
        (tmp_path / "x.jsonl").write_text(content)
        (tmp_path / "y.jsonl").write_text(doccano())
        files = {"FILE": "x.jsonl", "OTHER": "y.jsonl"}
        named = [str(tmp_path / files[word]) if word in files else word for word in COMMANDS[command]]
        return [word.replace("OUT", str(tmp_path / "out")) for word in named]

    return fill


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_what_is_not_read(
    coner: Coner, arguments: Callable[[str, str], list[str]], command: str
) -> None:
    done = coner(*arguments(command, doccano(mentions=[[0, 3, "X"]])))
    assert done.code == 0, done.err
    assert UNREAD in " ".join(done.err.split())


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "stats"])
def test_a_file_whose_annotations_would_all_be_lost_is_refused(
    coner: Coner, arguments: Callable[[str, str], list[str]], tmp_path: Path, command: str
) -> None:
    lost = "".join(json.dumps({"text": f"{name} lives", "mentions": [[0, 3, "PER"]]}) + "\n" for name in NAMES)
    message = refusal(coner(*arguments(command, lost)))
    assert "x.jsonl:1: got annotations only under 'mentions'; expected" in message
    assert 'Fix: rename the key to "entities"' in message
    assert not (tmp_path / "out.conll").exists()
