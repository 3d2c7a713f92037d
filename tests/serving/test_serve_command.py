"""``coner serve``: correct answers to many clients at once, and one line if it cannot start."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import coner
from coner.cli.app import run
from coner.core.types import Sentence
from coner.data.reading.words import character_span, raw_text
from helpers import SAMPLE
from helpers.names import knowledge
from helpers.server import COMMAND, Server, run_server


@pytest.fixture(scope="module")
def server(models: list[Path]) -> Iterator[Server]:
    with run_server("-c", COMMAND, "serve", *map(str, models), "--port", "0", "--wait-ms", "20") as running:
        running.ready()
        yield running
        assert running.stop(signal.SIGINT) == 0
        assert "Traceback" not in "".join(running.log)


def expected(tagger: Any, sentence: Sentence) -> dict[str, Any]:
    """The result of a sentence, tagged alone in this process."""
    text, offsets = raw_text(sentence)
    entities = []
    for entity in tagger.tag([sentence])[0]:
        first, last = character_span(entity, offsets)
        entities.append(
            {
                "start": entity.start,
                "end": entity.end,
                "char_start": first,
                "char_end": last,
                "text": text[first:last],
                "label": entity.label,
                "group": tagger.taxonomy.coarse_of(entity.label),
                "confidence": pytest.approx(entity.score, abs=1e-9),
                "kb_id": entity.kb_id or None,
                "known": tagger.linker and [f"zyx wvu ({entity.label})"] * (text[first:last] == "zyx wvu"),
            }
        )
    return {"words": list(sentence.words), "entities": entities, "rules": None}


def test_concurrent_requests_get_the_results_of_single_sentences(server: Server, models: list[Path]) -> None:
    taggers = {folder.name: coner.load(folder) for folder in models}
    requests: list[tuple[dict[str, Any], list[Sentence], str]] = []
    for number, sentence in enumerate(coner.read(SAMPLE / "test.conll")):
        name = ("good", "poor")[number % 2]
        text = " ".join(sentence.words)
        if number % 3:
            requests.append(({"words": list(sentence.words), "model": name}, [Sentence(sentence.words)], name))
        else:
            requests.append(({"texts": [text, "", "in Basel"], "model": name}, [], name))
            requests[-1][1].extend([coner.sentence_from_text(text), Sentence(()), coner.sentence_from_text("in Basel")])
    with ThreadPoolExecutor(32) as clients:
        replies = list(clients.map(lambda case: server.tag(case[0]), requests))
    for reply, (_, sentences, name) in zip(replies, requests, strict=True):
        assert reply.status == 200
        assert reply.json == {"model": name, "results": [expected(taggers[name], one) for one in sentences]}
    # Not an exact number: crfsuite shuffles with ``rand``, from which a thread that an earlier test left may draw.
    assert sum(len(reply.json["results"][0]["entities"]) for reply in replies) > 50
    metrics = server.metrics()
    batches, sentences_tagged = (
        metrics["coner_batch_sentences_count", "good"],
        metrics["coner_batch_sentences_sum", "good"],
    )
    assert sentences_tagged > 1.5 * batches  # requests share batches
    assert metrics["coner_requests_total", "/tag", "200"] == len(requests)


def test_rules_and_links_apply_to_every_model(models: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("marisa_trie")
    label = coner.load(models[0]).labels[0]
    knowledge(tmp_path, f"name,types,id\nzyx wvu,{label},q7\n")
    (tmp_path / "rules.toml").write_text(f'[[always]]\ntext = "zyx wvu"\nlabel = "{label}"\n')
    options = {"rules": tmp_path / "rules.toml", "link": True, "kb": tmp_path / "kb"}
    arguments = ["--rules", str(options["rules"]), "--link", "--kb", str(options["kb"]), "--port", "0"]
    with run_server("-c", COMMAND, "serve", *map(str, models), *arguments) as running:
        running.ready()
        for folder in models:
            body = {"text": "the zyx wvu slept", "model": folder.name}
            [result] = running.request("POST", "/tag", body).json["results"]
            tagger = coner.load(folder, **options)  # type: ignore[arg-type]
            alone = expected(tagger, coner.sentence_from_text("the zyx wvu slept"))
            changes = next(iter(tagger.predict([coner.sentence_from_text("the zyx wvu slept")]))).changes
            assert result == {**alone, "rules": changes._asdict()}
            assert ("q7", label, 1.0) in [(e["kb_id"], e["label"], e["confidence"]) for e in result["entities"]]
            assert changes.added + changes.relabelled == 1
        assert running.stop(signal.SIGINT) == 0


def test_text_without_words_has_no_entities(server: Server) -> None:
    empty = {"words": [], "entities": [], "rules": None}
    assert server.tag({"text": " \n"}).json == {"model": "good", "results": [empty]}
    assert server.tag({"texts": []}).json == {"model": "good", "results": []}
    assert server.tag({"sentences": [[], []]}).json == {"model": "good", "results": [empty, empty]}


def test_characters_are_code_points(server: Server) -> None:
    text = "\U0001f600 in\u200b  são paulo\u0301 und 東京"
    (result,) = server.tag({"text": text}).json["results"]
    assert result["words"] == list(coner.sentence_from_text(text).words)
    for entity in result["entities"]:
        assert text[entity["char_start"] : entity["char_end"]] == entity["text"]


def test_models_and_labels(server: Server, models: list[Path]) -> None:
    assert server.get("/models").json == {
        "models": [
            {"name": "good", "default": True, "ready": True, "kind": "crf", "operating_point": None},
            {"name": "poor", "default": False, "ready": True, "kind": "crf", "operating_point": None},
        ]
    }
    tagger = coner.load(models[0])
    response = server.get("/labels?model=poor").json
    groups = {
        group["name"]: {entry["name"]: entry["definition"] for entry in group["labels"]} for group in response["groups"]
    }
    assert response["model"] == "poor"
    assert response["taxonomy"] == tagger.taxonomy.name
    assert groups == tagger.taxonomy.groups  # all classes occur in the sample
    assert server.get("/labels?model=nope").code == "unknown_model"
    assert server.get("/labels?model=nope").status == 404


def test_models_show_the_operating_point_that_answers_are_given_with(models: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "sure"
    shutil.copytree(models[0], folder)
    assert run(["threshold", str(folder), "--dev", str(SAMPLE / "dev.conll"), "--for", "precision>=0.75"]) == 0
    stored = json.loads((folder / "model.json").read_text("utf-8"))["operating_point"]
    method = "none" if stored["calibration"] is None else stored["calibration"]["method"]
    with run_server("-c", COMMAND, "serve", str(folder), str(models[1]), "--port", "0") as running:
        running.ready()
        sure, poor = running.get("/models").json["models"]
        assert poor["operating_point"] is None
        assert sure["operating_point"] == {
            "calibration": method,
            "threshold": stored["threshold"],
            "thresholds": {},
            "goal": "precision>=0.75",
            "file": "dev.conll",
        }
        sentences = [list(sentence.words) for sentence in coner.read(SAMPLE / "test.conll")[:100]]
        results = running.tag({"sentences": sentences}).json["results"]
        confidences = [entity["confidence"] for result in results for entity in result["entities"]]
        assert min(confidences) >= sure["operating_point"]["threshold"] > 0
        assert running.stop() == 0


def test_health_and_readiness(server: Server) -> None:
    assert server.get("/health").json == {"status": "alive"}
    assert server.get("/ready").json == {"status": "ready"}


def refused(*arguments: object, environment: dict[str, str] | None = None) -> str:
    """The error message of a command that does not start."""
    command = [sys.executable, "-c", COMMAND, "serve", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 2, done
    assert done.stderr.startswith("coner: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_invalid_options_are_refused(models: list[Path], tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none")
    twin = tmp_path / "good"
    twin.symlink_to(models[0])
    assert "got two models named 'good'" in refused(models[0], twin)
    assert "--token-env NO_SUCH" in refused(models[0], "--token-env", "NO_SUCH")
    assert "none of the models calls an endpoint" in refused(models[0], "--budget-tokens", "5")
    assert "expected finite numbers" in refused(models[0], "--wait-ms", "inf")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port}: address already in use" in refused(models[0], "--port", port)
    assert "--host no.such.host.invalid" in refused(models[0], "--host", "no.such.host.invalid")
    assert "--host a..b --port 8000: invalid host name" in refused(models[0], "--host", "a..b")


def test_model_names_may_contain_brackets(models: list[Path], tmp_path: Path) -> None:
    shutil.copytree(models[0], tmp_path / "[old]crf")
    with run_server("-c", COMMAND, "serve", str(tmp_path / "[old]crf"), "--port", "0") as running:
        running.wait_for(r"^serving \[old\]crf on http://127")
