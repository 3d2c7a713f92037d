"""Unusual but valid input is tagged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.cli import app
from coner.core.counted import counted
from helpers.shell import Completed, World

Coner = Callable[..., Completed]

HARD: dict[str, tuple[str, list[list[str]]]] = {
    "5,000 words": ("word _ _ O\n" * 5000, [["word"] * 5000]),
    "word of 10,000 characters": ("a" * 10_000 + " _ _ O\nb _ _ O\n", [["a" * 10_000, "b"]]),
    "zero-width space": ("\u200b _ _ O\nb _ _ O\n", [["\u200b", "b"]]),
    "variation selector": ("a _ _ O\n\ufe0f _ _ O\n", [["a", "\ufe0f"]]),
    "other white space": ("\u00a0 _ _ O\n\u2028 _ _ O\n\x85 _ _ O\n", [["\u00a0", "\u2028", "\x85"]]),
    "beyond the basic plane": (
        "\U0001f600 _ _ O\n\u0938\u094d\u0924 _ _ O\n",
        [["\U0001f600", "\u0938\u094d\u0924"]],
    ),
    "words that begin with #": ("#tag _ _ O\n# _ _ O\n#id _ _ O\n", [["#tag", "#", "#id"]]),
    "spaces": ("a  _   _ O\nb _ _  O\n", [["a", "b"]]),
    "tabs": ("a\t_\t_\tO\nb\t_\t_\tO\n", [["a", "b"]]),
    "spaces and tabs": ("a \t_\t _ \t O\nb _\t_ O\n\nc\t_ _\tO\n", [["a", "b"], ["c"]]),
    "line with only a tab": ("a _ _ O\n\t\nb _ _ O\n", [["a"], ["b"]]),
    "last line without an end": ("a _ _ O\nb _ _ O", [["a", "b"]]),
    "Windows": ("a _ _ O\r\n\r\nb _ _ O\r\n", [["a"], ["b"]]),
    "markup of other programs": ("%s _ _ O\n[bold] _ _ O\n{0} _ _ O\n:a:b _ _ O\n", [["%s", "[bold]", "{0}", ":a:b"]]),
}


@pytest.mark.parametrize("what", HARD)
def test_unusual_input_is_tagged(coner: Coner, world: World, tmp_path: Path, what: str) -> None:
    text, sentences = HARD[what]
    path = tmp_path / "in.conll"
    path.write_bytes(text.encode())
    done = coner("tag", world.model, path, "-o", tmp_path / "out.conll")
    assert done.code == 0, done.err
    assert done.err.startswith(f"{counted(len(sentences), 'sentence')}, ")
    # Split by hand, since our own reader could hide its own errors.
    written = (tmp_path / "out.conll").read_bytes().decode()
    rows = [row.replace("\t", " ").split(" ") for row in written.replace("\r\n", "\n").split("\n") if row.strip("\t ")]
    assert [row[0] for row in rows] == [word for sentence in sentences for word in sentence]
    assert all(row[-1] == "O" or row[-1][:2] in ("B-", "I-") for row in rows)
    assert coner("tag", world.model, path, "-o", tmp_path / "out.jsonl").code == 0
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert [json.loads(line)["text"] for line in lines] == [" ".join(sentence) for sentence in sentences]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        ImportError("Error importing numpy:\n\nlibx.so: failed to map segment from shared object"),
    ],
)
def test_no_memory_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("typer.core.TyperGroup.invoke", fail)
    assert app.run(["models"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("coner: out of memory")
    assert printed.count("\n") == 1
