"""The first commands of the README, from an export of doccano to a served model, in real processes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from coner.data import read
from coner.data.reading.words import entity_objects, raw_text
from helpers import ROOT
from helpers.server import Server
from helpers.shell import World, command, process

pytestmark = pytest.mark.slow


def readme_commands() -> list[list[str]]:
    """The first block below "A first result"."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## A first result")[2]
    block = re.search("```\n(.*?)```", text, re.DOTALL)
    assert block
    return [shlex.split(line, comments=True)[1:] for line in block[1].splitlines()]


def test_four_commands_from_an_export_to_a_served_model(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sentences = read(world.train)
    with Path("export.jsonl").open("w", encoding="utf-8") as handle:
        for number, sentence in enumerate(sentences):
            label = [[entity["start"], entity["end"], entity["label"]] for entity in entity_objects(sentence)]
            handle.write(json.dumps({"id": number, "text": raw_text(sentence)[0], "label": label}) + "\n")
    Path("unlabelled.txt").write_text("jóhann jóhannsson lived in berlin\n", encoding="utf-8")
    stats, train, tag, serve = readme_commands()

    shown = process(*stats)
    assert (shown.code, f"{len(sentences)} " in shown.out) == (0, True)
    trained = process(*train, "--family", "crf")  # which is quicker than what the rule may choose here
    assert trained.code == 0, trained
    done = process(*tag)
    assert (done.code, "jóhannsson" in Path("tagged.html").read_text(encoding="utf-8")) == (0, True)
    running = subprocess.Popen(command(*serve, "--port", 0), stderr=subprocess.PIPE, text=True)
    try:
        server = Server(running)
        server.ready()
        assert server.tag({"text": "she met ada lovelace"}).status == 200
    finally:
        running.terminate()
        running.wait(timeout=60)
