"""Hybrid and distillation: a language model relabels mentions with a low confidence, or labels training data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.data import read
from coner.data.taxonomy import load_taxonomy
from coner.families import load
from coner.families.hybrid.tagger import HybridTagger
from coner.records.record import read_record
from helpers import SAMPLE
from helpers.fake_endpoint import FakeResponse, Request, fails, says, serving
from helpers.llm_config import CONFIG, USAGE, knows, settings
from helpers.shell import Completed, head, refusal

Coner = Callable[..., Completed]
pytestmark = pytest.mark.usefixtures("quick")
GROUPS = load_taxonomy("multiconer2")


@pytest.fixture(scope="session")
def crf(train: Path, gold: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CRF that finds some mentions, mostly with low confidence."""
    from coner.cli.app import run

    root = tmp_path_factory.mktemp("crf")
    config = root / "crf.toml"
    config.write_text('kind = "crf"\n[crf]\nclusters = []\nmax_iterations = 15\nc2 = 0.01\n')
    data = root / "both.conll"
    data.write_text(train.read_text(encoding="utf-8") + "\n" + head(SAMPLE / "dev.conll", 6), encoding="utf-8")
    files = ("--set", f"data.train={data}", "--set", f"data.dev={gold}")
    assert run(["train", str(config), *files, "--out", str(root / "crf")]) == 0
    return root / "crf"


def last_of_enum(request: Request, _turn: int = 0) -> FakeResponse:
    """Choose the last of the labels."""
    return says(json.dumps({"label": labels(request)[-1]}), usage=USAGE)


def labels(request: Request) -> list[str]:
    found = request["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
    return [str(label) for label in found]


def llm(coner: Coner, train: Path, url: str, out: Path) -> Path:
    assert coner("train", CONFIG, *settings(url, data__train=train), "--out", out).code == 0
    return out


@pytest.mark.parametrize("candidates", ["group", "all"])
def test_a_hybrid_keeps_boundaries_and_relabels_mentions_with_low_confidence(  # noqa: PLR0917 - pytest fills them in by name
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path, candidates: str
) -> None:
    alone = load(crf).tag(read(gold))
    scores = sorted(entity.score for entities in alone for entity in entities)
    below = (scores[len(scores) // 2 - 1] + scores[len(scores) // 2]) / 2
    with serving(last_of_enum) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        options = ("--below", repr(below), "--candidates", candidates, "--dev", gold, "--train", train)
        done = coner("hybrid", crf, second, *options, "--out", tmp_path / "hybrid")
        assert done.code == 0, done.err
        calls = len(server.requests)
        assert coner("tag", tmp_path / "hybrid", gold, "-o", tmp_path / "out.jsonl").code == 0
        assert len(server.requests) == calls, "all answers are in the ledger of the folder"
    found = [sentence.entities or () for sentence in read(tmp_path / "out.jsonl")]
    changed = 0
    for before, after in zip(alone, found, strict=True):
        assert [(e.start, e.end) for e in before] == [(e.start, e.end) for e in after]
        for one, two in zip(before, after, strict=True):
            group = list(GROUPS.groups[GROUPS.coarse_of(one.label)])
            chosen = (list(GROUPS.labels) if candidates == "all" else group)[-1]
            assert two.label == (chosen if one.score < below else one.label)
            changed += one.label != two.label
    assert changed > 2
    record = read_record(tmp_path / "hybrid")
    assert record.kind == "hybrid"
    assert record.llm["dev"].counts["choices"] == sum(score < below for score in scores)
    rows = json.loads(coner("compare", crf, tmp_path / "hybrid", "--json").out)["rows"]
    assert rows[0]["asked"] is None and rows[0]["span_f1"] == rows[1]["span_f1"]
    assert rows[1]["asked"]["tokens"] == pytest.approx(record.llm["dev"].counts["answers"] * sum(USAGE) / 12)


def test_a_shared_ledger_makes_lower_thresholds_free(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    with serving(last_of_enum) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        calls = []
        for below in ("1", "0.9"):
            files = ("--dev", gold, "--out", tmp_path / below, "--ledger", tmp_path / "shared.sqlite")
            assert coner("hybrid", crf, second, "--below", below, *files).code == 0
            calls.append(len(server.requests))
    assert calls[0] == calls[1] > 0
    usages = [read_record(tmp_path / below).llm["dev"] for below in ("1", "0.9")]
    assert usages[0].tokens_per_sentence > usages[1].tokens_per_sentence > 0


def test_mentions_without_an_answer_keep_their_label(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    with serving(lambda request, turn: fails(400)) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        command = ("hybrid", crf, second, "--below", "1", "--dev", gold, "--out", tmp_path / "hybrid")
        done = coner(*command)
        assert done.code == 3 and "without an answer" in done.err
        tagged = coner("tag", tmp_path / "hybrid", gold, "-o", tmp_path / "out.jsonl")
        assert tagged.code == 3
        asked = sum(map(len, load(crf).tag(read(gold))))
        assert f"{asked} of {asked} spans have no answer ({asked} refused)" in tagged.err
        assert f"12 of 12, without {asked} mentions" in coner("compare", tmp_path / "hybrid").out
        server.rule = last_of_enum
        record = read_record(tmp_path / "hybrid")
        crf_record = read_record(crf)
        assert record.scores["dev"].fine == crf_record.scores["dev"].fine
        server.requests.clear()
        assert coner(*command).code == 0 and server.requests
    again = read_record(tmp_path / "hybrid").llm
    assert again["dev"].unanswered == {}
    assert coner("hybrid", second, crf, "--out", tmp_path / "x").code == 2
    assert "of kind crf; expected a prompted language model" in refusal(
        coner("hybrid", crf, crf, "--out", tmp_path / "x")
    )


def test_another_model_can_be_trained_on_distilled_labels(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    corpus, text, silver = read(gold), tmp_path / "raw.txt", tmp_path / "silver.conll"
    text.write_text("".join(" ".join(sentence.words) + "\n" for sentence in corpus), encoding="utf-8")
    odd = {2: lambda request, turn: fails(400) if turn == 0 else rule(request, 0), 4: lambda request, turn: says("hm")}
    rule = knows(gold)
    with serving(knows(gold, odd)) as server:
        teacher = llm(coner, train, server.url, tmp_path / "llm")
        first = coner("distil", teacher, gold, "-o", silver)
        assert first.code == 3 and "10 of 12 sentences" in first.err and "1 of 12 sentences have no" in first.err
        done = coner("distil", teacher, gold, "-o", silver)
        assert done.code == 0 and "11 of 12 sentences" in done.err, done.err
        assert "1 left out" in done.err
        assert len(server.requests) == 13
        assert coner("distil", teacher, text, "-o", tmp_path / "of_text.conll", "--limit", "2").code == 0
    kept = [sentence for number, sentence in enumerate(corpus) if number != 4]
    written = read(silver, gold=True)
    assert [(s.words, s.entities, s.id) for s in written] == [(s.words, s.entities, s.id) for s in kept]
    assert all(sentence.header[0].endswith("\tlabelled_by=tiny") for sentence in written)
    assert [s.header for s in read(tmp_path / "of_text.conll")] == [(f"# id {n}\tlabelled_by=tiny",) for n in (1, 2)]
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\n[crf]\nclusters = []\nmax_iterations = 5\n')
    files = ("--set", f"data.train={train}", "--set", f'data.extra=[{{file="{silver}"}}]')
    assert coner("train", config, *files, "--out", tmp_path / "student").code == 0
    assert read_record(tmp_path / "student").data["train"].extra[0].sentences == 11
    other = coner("distil", tmp_path / "student", text, "-o", tmp_path / "crf.conll")
    assert other.code == 0 and len(read(tmp_path / "crf.conll")) == 12


def test_models_that_call_an_endpoint_cannot_tag_folders_vote_or_be_pushed(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    second = llm(coner, train, "http://127.0.0.1:9/v1", tmp_path / "llm")
    assert coner("hybrid", crf, second, "--out", tmp_path / "hybrid").code == 0
    for kind in ("llm", "hybrid"):
        tagged = coner("tag", tmp_path / kind, gold, "-o", f"{tmp_path}/out/")
        assert tagged.code == 2
        assert f"of kind {kind}, which may leave sentences without an answer" in refusal(tagged)
        voted = coner("vote", crf, tmp_path / kind, "--out", tmp_path / "vote")
        assert f"of kind {kind}, which calls an endpoint" in refusal(voted)
        pushed = coner("push", tmp_path / kind, "me/model", "--dry-run")
        assert f"is of kind {kind}: its endpoint" in refusal(pushed)
    assert not (tmp_path / "out").exists() and not (tmp_path / "vote").exists()


def test_a_resumed_tagging_counts_earlier_failures(  # noqa: PLR0917 - by name
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = 0
    predict = HybridTagger.predict

    def interrupted(*arguments: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise KeyboardInterrupt
        return predict(*arguments)

    monkeypatch.setattr(HybridTagger, "batch_sentences", 6)
    monkeypatch.setattr(HybridTagger, "predict", interrupted)
    with serving(last_of_enum) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        assert coner("hybrid", crf, second, "--below", "1", "--out", tmp_path / "hybrid").code == 0
        command = ("tag", tmp_path / "hybrid", gold, "-o", tmp_path / "out.jsonl", "--budget-tokens")
        assert coner(*command, "1").code == 130 and server.requests == []
        resumed = coner(*command, "1000000")
        calls = len(server.requests)
        assert resumed.code == 3 and calls > 0, resumed.err
        lacking = sum(map(len, load(crf).tag(read(gold)[:6])))
        assert "resuming after 6 sentences" in resumed.err and f"{lacking} spans without an answer" in resumed.err
        assert coner(*command, "1000000").code == 0 and len(server.requests) > calls


def test_a_hybrid_resumes_after_the_address_of_its_endpoint_has_changed(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    command = ("hybrid", crf, tmp_path / "llm", "--below", "1", "--dev", gold, "--out", tmp_path / "hybrid")
    with serving(lambda request, turn: fails(400)) as server:
        llm(coner, train, server.url, tmp_path / "llm")
        assert coner(*command).code == 3
    with serving(last_of_enum) as server:
        llm(coner, train, server.url, tmp_path / "llm")
        done = coner(*command)
        assert done.code == 0 and server.requests, done.err
    other = ("--set", "prompt.definitions=false", "--overwrite")
    assert coner("train", CONFIG, *settings(server, data__train=train), *other, "--out", tmp_path / "llm").code == 0
    assert "other settings" in refusal(coner(*command))


@pytest.mark.parametrize("steps", [1, 2])
def test_cut_answers_are_left_out_of_distillation(
    coner: Coner, train: Path, gold: Path, tmp_path: Path, steps: int
) -> None:
    one = says('{"entities": []}', finish="length")
    with serving(lambda request, turn: one if turn == 0 and len(server.requests) == 1 else says("[]")) as server:
        teacher = tmp_path / "llm"
        values = settings(server, data__train=train, prompt__steps=steps, llm__concurrency=1)
        assert coner("train", CONFIG, *values, "--out", teacher).code == 0
        done = coner("distil", teacher, gold, "-o", tmp_path / "silver.conll")
    assert done.code == 0, done.err
    assert "11 of 12 sentences" in done.err and "1 left out" in done.err
    assert len(read(tmp_path / "silver.conll")) == 11


def test_a_hybrid_keeps_its_thresholds_when_it_is_resumed(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    hybrid = tmp_path / "hybrid"
    with serving(last_of_enum) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        arguments = ("hybrid", crf, second, "--below", "1", "--dev", gold, "--out", hybrid)
        assert coner(*arguments).code == 0
        scores, calls = read_record(hybrid).scores, len(server.requests)
        done = coner("threshold", hybrid, "--dev", gold, "--for", "micro_f1", "--calibrate", "temperature")
        assert done.code == 0, done.err
        assert len(server.requests) == calls, "all answers are in the ledger of the folder"
        point = load(hybrid).operating_point
        assert point is not None and point.chosen.goal == "micro_f1"
        assert coner(*arguments).code == 0
    assert load(hybrid).operating_point == point
    assert read_record(hybrid).scores == scores


def test_no_threshold_is_chosen_while_answers_are_missing(
    coner: Coner, crf: Path, train: Path, gold: Path, tmp_path: Path
) -> None:
    with serving(last_of_enum) as server:
        second = llm(coner, train, server.url, tmp_path / "llm")
        assert coner("hybrid", crf, second, "--below", "1", "--out", tmp_path / "hybrid").code == 0
        done = coner("threshold", tmp_path / "hybrid", "--dev", gold, "--for", "micro_f1", "--budget-tokens", 1)
    assert "spans have no answer; nothing was stored; progress is saved" in refusal(done, 3)
    assert load(tmp_path / "hybrid").operating_point is None
