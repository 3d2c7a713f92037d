"""The commands with a prompted language model and an endpoint that misbehaves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.data import read
from coner.records.record import read_record
from coner.records.sections import Partial
from coner.tagging import stream
from helpers import ROOT
from helpers.fake_endpoint import FakeResponse, Request, fails, last, says, serving
from helpers.llm_config import CONFIG, USAGE, answer, knows, settings
from helpers.shell import Completed, refusal

Coner = Callable[..., Completed]
pytestmark = pytest.mark.usefixtures("quick")
N = 12


def make(coner: Coner, train: Path, server: Any, out: Path, *more: str, **values: object) -> Completed:
    return coner("train", CONFIG, *settings(server, data__train=train, **values), "--out", out, *more)


def entities(path: Path) -> list[Any]:
    return [sentence.entities for sentence in read(path)]


def test_calls_are_made_only_when_tagging_and_each_prompt_is_paid_for_once(
    coner: Coner, train: Path, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very-secret-4711"
    monkeypatch.setenv("MY_API_KEY", key)
    leaks = {3: lambda request, turn: fails(400, f"bad request with key {key}") if turn == 0 else rule(request, 0)}
    rule = knows(gold)
    run, out = tmp_path / "run", tmp_path / "out.conll"
    with serving(knows(gold, leaks)) as server:
        done = make(coner, train, server, run, llm__key_env="MY_API_KEY")
        assert done.code == 0 and server.requests == [], done.err
        allow = ("--allow-endpoint", server.url)
        first = coner("tag", run, gold, "-o", out, *allow)
        assert first.code == 3, first.err
        assert f"1 of {N} sentences have no answer (1 refused)" in first.err
        assert server.headers[0]["authorization"] == f"Bearer {key}"
        assert coner("tag", run, gold, "-o", out, *allow).code == 0
        assert len(server.requests) == N + 1
        assert entities(out) == entities(gold)
        again = coner("tag", run, gold, "-o", out, *allow)
        evaluated = coner("evaluate", gold, run, "--json", *allow)
    assert len(server.requests) == N + 1
    assert f"0 calls, {N} cached" in again.err
    values = json.loads(evaluated.out)
    assert evaluated.code == 0 and values["fine"]["micro_f1"] == 1 and values["llm"]["calls"] == 0
    assert values["llm"]["tokens_per_sentence"] == sum(USAGE) and "partial" not in values
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"model.json", "examples.jsonl", "ledger.sqlite", "record.json", "log.txt"} <= {path.name for path in files}
    assert not [path for path in files if key.encode() in path.read_bytes()]
    assert key not in first.err + done.err


def answering(text: str) -> Callable[[Request, int], FakeResponse]:
    return lambda request, turn: says(text, usage=USAGE)


def once(act: FakeResponse) -> Callable[[Request, int], FakeResponse]:
    """Misbehave once."""
    return lambda request, turn: act if turn == 0 else says('{"entities": []}', usage=USAGE)


def always(act: FakeResponse) -> Callable[[Request, int], FakeResponse]:
    return lambda request, turn: act


@pytest.mark.parametrize(
    ("rule", "code", "counts"),
    [
        pytest.param(answering("I am sorry, I cannot."), 0, {"unparsable": 1}, id="no JSON"),
        pytest.param(answering('{"entities": "none"}'), 0, {}, id="wrong JSON"),
        pytest.param(always(says('{"entities": [{"text": "x", "la', finish="length")), 0, {"cut": 1}, id="cut JSON"),
        pytest.param(
            answering('{"Entitäten": [{"Text": "nichts", "Klasse": "Künstler"}]}'), 0, {}, id="other language"
        ),
        pytest.param(lambda request, turn: says(last(request) + "\n{}"), 0, {}, id="prompt echoed"),
        pytest.param(once(fails(429, headers={"Retry-After": "0"})), 0, {"retries": 1}, id="429"),
        pytest.param(once(fails(500)), 0, {"retries": 1}, id="500 once"),
        pytest.param(always(fails(500)), 3, {"exhausted": 1}, id="500"),
        pytest.param(always(FakeResponse(cut=-1)), 3, {"exhausted": 1}, id="closed"),
        pytest.param(always(says("{}", after=1.5)), 3, {"exhausted": 1}, id="slow"),
        pytest.param(always(FakeResponse(body="")), 3, {"exhausted": 1}, id="empty"),
    ],
)
def test_effects_of_one_bad_answer(  # noqa: PLR0917 - pytest fills them in by name
    coner: Coner, train: Path, gold: Path, tmp_path: Path, rule: Any, code: int, counts: dict[str, int]
) -> None:
    run = tmp_path / "run"
    with serving(knows(gold, {5: rule})) as server:
        done = make(coner, train, server, run, data__dev=gold, llm__timeout=1, llm__max_retries=1)
    assert done.code == code, done.err
    usage = read_record(run).llm
    values = usage["dev"]
    assert {**values.counts, **values.unanswered, "retries": values.retries}.items() >= counts.items()
    scores = read_record(run).scores["dev"]
    assert scores.sentences == (N if code == 0 else N - 1)
    lost = len(read(gold)[5].entities or ())
    if code == 0:  # no entities for this sentence, all for the others
        assert scores.fine.precision == 1
        mentions = sum(len(sentence.entities or ()) for sentence in read(gold))
        assert scores.fine.recall == pytest.approx(1 - lost / mentions)
    else:
        assert values.partial == Partial(answered=N - 1, sentences=N)
        assert f"dev: evaluated on {N - 1} of {N} sentences" in done.err
        assert f"{N - 1} of {N} |" in coner("compare", run, "--markdown").out
        assert scores.fine.micro_f1 == 1
        with serving(knows(gold)) as server:
            again = make(coner, train, server, run, data__dev=gold, llm__timeout=1, llm__max_retries=1)
        assert again.code == 0 and len(server.requests) == 1
        usage = read_record(run).llm
        assert usage["dev"].partial is None and read_record(run).scores["dev"].sentences == N
        assert usage["dev"].calls == values.calls + 1


def test_a_budget_stops_a_command_and_the_next_resumes(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out.jsonl"
    limit = ("--limit", "8")
    with serving(knows(gold)) as server:
        make(coner, train, server, run, examples__count=1, llm__concurrency=1, llm__prices="{prompt = 10}")
        preview = json.loads(coner("llm", "preview", run, "a b", "--json").out)
        budget = preview["prompt_tokens"] + preview["completion_tokens_at_most"] + 4 * sum(USAGE)
        stopped = coner("tag", run, gold, "-o", out, *limit, "--budget-tokens", budget)
        calls = len(server.requests)
        assert stopped.code == 3 and 0 < calls < 8, stopped.err
        assert f"{8 - calls} of 8 sentences have no answer ({8 - calls} budget)" in stopped.err
        assert [found is None for found in entities(out)] == [False] * calls + [True] * (8 - calls)
        scored = coner("evaluate", gold, run, *limit, "--budget-cost", "0.000001", "--json")
        assert scored.code == 3 and len(server.requests) == calls
        values = json.loads(scored.out)
        assert values["partial"] == {"answered": calls, "sentences": 8} and values["sentences"] == calls
        assert values["fine"]["micro_f1"] == 1
        resumed = coner("tag", run, gold, "-o", out, *limit)
    assert resumed.code == 0 and len(server.requests) == 8
    assert entities(out) == entities(gold)[:8]


def test_an_unreachable_endpoint_is_reported(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, and not listening: refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert make(coner, train, url, tmp_path / "run").code == 0
        began = time.monotonic()
        done = coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll")
        assert time.monotonic() - began < 20
    assert "no sentence has an answer (unreachable)" in refusal(done, code=3)
    assert not (tmp_path / "out.conll").exists()


def test_fields_that_the_endpoint_declines_are_reported(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    answered = knows(gold)

    def rule(request: Request, turn: int) -> FakeResponse:
        if "response_format" in request:
            return fails(400, "response_format is not supported")
        return fails(400, "temperature is fixed") if "temperature" in request else answered(request, turn)

    message = (
        "the endpoint does not accept a schema for answers or temperature and seed; the requests were sent without"
    )
    with serving(rule) as server:
        assert make(coner, train, server, tmp_path / "run").code == 0
        tagged = coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll", "--limit", "3")
        scored = coner("evaluate", gold, tmp_path / "run", "--json")
        assert tagged.code == 0 and message in tagged.err, tagged.err
        assert json.loads(scored.out)["llm"]["declined"] == ["a schema for answers", "temperature and seed"]
        assert coner("evaluate", gold, tmp_path / "run").err.count("does not accept") == 0  # all in the ledger
        trained = make(coner, train, server, tmp_path / "other", data__test=gold)
    assert trained.code == 0 and f"test: {message}" in trained.err, trained.err
    assert read_record(tmp_path / "other").llm["test"].declined


def test_a_refusal_of_all_prompts_is_a_usage_error(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with serving(always(fails(401, "wrong key"))) as server:
        done = make(coner, train, server, tmp_path / "run", data__dev=gold)
        assert done.code == 2 and "refused" in done.err.splitlines()[-1]
        tagged = coner("tag", tmp_path / "run", gold)
        assert "refused" in refusal(tagged)
    assert read_record(tmp_path / "run").scores == {}
    with serving(knows(gold)) as server:
        assert make(coner, train, server, tmp_path / "run", data__dev=gold).code == 0


def test_the_preview_equals_the_prompts_sent(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    sentence = read(gold)[0]
    run = tmp_path / "run"
    with serving(knows(gold)) as server:
        make(coner, train, server, run, llm__key_env="NOT_SET_API_KEY", llm__prices="{prompt = 2, completion = 4}")
        done = coner("llm", "preview", run, " ".join(sentence.words), "--json")
        assert done.code == 0 and server.requests == [], done.err
        tagged = coner("tag", run, gold, "--limit", "1")
        assert f"Fix: if you trust it, add --allow-endpoint {server.url}" in refusal(tagged)
        tagged = coner("tag", run, gold, "--limit", "1", "--allow-endpoint", server.url)
        assert "NOT_SET_API_KEY is not set" in refusal(tagged)
        make(coner, train, server, run, "--overwrite", llm__prices="{prompt = 2, completion = 4}")
        coner("tag", run, gold, "--limit", "1")
    values = json.loads(done.out)
    [request], [shown] = server.requests, values["prompts"]
    assert request["messages"] == shown["messages"] and request["max_tokens"] == shown["max_tokens"]
    assert request["response_format"]["json_schema"]["schema"] == shown["schema"]
    assert (values["calls"], values["completion_tokens_at_most"]) == (1, shown["max_tokens"])
    assert values["cost_at_most"] == pytest.approx((values["prompt_tokens"] * 2 + shown["max_tokens"] * 4) / 1e6)
    text = coner("llm", "preview", run, " ".join(sentence.words)).out
    assert all(message["content"] in text for message in shown["messages"])


def test_zero_shot_needs_a_taxonomy(coner: Coner, gold: Path, tmp_path: Path) -> None:
    with serving(knows(gold)) as server:
        done = coner("train", CONFIG, *settings(server), "--out", tmp_path / "run")
        assert "data.taxonomy: got auto" in refusal(done) and not (tmp_path / "run").exists()
        named = settings(server, data__taxonomy="multiconer2", data__dev=gold)
        assert coner("train", CONFIG, *named, "--out", tmp_path / "run", "--json").code == 0
    assert all(len(request["messages"]) == 2 for request in server.requests)
    assert read_record(tmp_path / "run").settings["examples"]["choice"] == "none"
    other = settings("http://127.0.0.1:9/v1", data__taxonomy="multiconer2", data__dev=gold)
    assert coner("train", CONFIG, *other, "--out", tmp_path / "run").code == 0  # the endpoint has moved
    changed = coner("train", CONFIG, *other, "--set", "prompt.steps=2", "--out", tmp_path / "run")
    assert "other settings" in refusal(changed)


def test_compare_shows_tokens_and_cost(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with serving(knows(gold)) as server:
        make(coner, train, server, tmp_path / "llm", data__dev=gold, llm__prices="{prompt = 5, completion = 10}")
    crf = tmp_path / "crf.toml"
    crf.write_text('kind = "crf"\n[crf]\nclusters = []\nmax_iterations = 5\n')
    files = ("--set", f"data.train={train}", "--set", f"data.dev={gold}")
    assert coner("train", crf, *files, "--out", tmp_path / "crf").code == 0
    runs = (tmp_path / "crf", tmp_path / "llm")
    rows = json.loads(coner("compare", *runs, "--json").out)["rows"]
    assert rows[0]["asked"] is None and rows[1]["micro_f1"] == 1
    assert rows[1]["asked"]["tokens"] == sum(USAGE)
    assert rows[1]["asked"]["cost"] == pytest.approx((100 * 5 + 10 * 10) / 1e6)
    assert (
        f"| llm | 110 | 0.6 | {rows[1]['asked']['seconds']:.2f} | 0 | 0 | 12 of 12 |"
        in coner("compare", *runs, "--markdown").out
    )
    assert "tokens/sentence" not in coner("compare", runs[0], "--markdown").out
    refused = coner("tag", runs[0], gold, "--budget-tokens", "5")
    assert "of kind crf, which calls no endpoint" in refusal(refused)
    assert len(read_text(coner, runs[0], gold, "--limit", "3")) == 3


def read_text(coner: Coner, *arguments: object) -> list[str]:
    return coner("tag", *arguments, "--format", "jsonl").out.splitlines()


@pytest.mark.parametrize("command", ["ablate", "sweep"])
def test_ablation_and_sweep_refuse_a_language_model(coner: Coner, train: Path, tmp_path: Path, command: str) -> None:
    space = ("--space", ROOT / "configs/space.toml") if command == "sweep" else ()
    done = coner(command, CONFIG, "--set", f"data.train={train}", "--out", tmp_path / "x", *space)
    assert "has nothing to train" in refusal(done)


def test_commands_share_stored_answers_about_several_sentences(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    corpus = list(read(gold))

    def rule(request: Request, _turn: int) -> FakeResponse:
        found = {}
        for line in last(request).splitlines():
            number, _, text = line.partition(": ")
            [sentence] = [sentence for sentence in corpus if " ".join(sentence.words) == text]
            found[number] = json.loads(answer(sentence))["entities"]
        return says(json.dumps(found))

    with serving(rule) as server:
        make(coner, train, server, tmp_path / "run", data__dev=gold, prompt__sentences=5)
        assert len(server.requests) == 3
        assert coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll").code == 0
    assert len(server.requests) == 3
    assert entities(tmp_path / "out.conll") == entities(gold)


def test_batches_do_not_split_the_sentences_of_a_call(
    coner: Coner, train: Path, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BATCH_WORDS", 20)
    with serving(empty_lists) as server:
        make(coner, train, server, tmp_path / "run", data__dev=gold, prompt__sentences=5)
        assert len(server.requests) == 3
        assert coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll").code == 0
        assert coner("distil", tmp_path / "run", gold, "-o", tmp_path / "silver.conll").code == 0
    assert len(server.requests) == 3


def empty_lists(request: Request, _turn: int) -> FakeResponse:
    return says(json.dumps({line.partition(":")[0]: [] for line in last(request).splitlines()}))


def test_cost_per_sentence_ignores_the_noisy_copy(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with serving(lambda request, turn: says('{"entities": []}', usage=USAGE)) as server:
        make(coner, train, server, tmp_path / "run", llm__prices="{prompt = 5, completion = 10}")
        values = json.loads(coner("evaluate", gold, tmp_path / "run", "--noise", "1", "--json").out)["llm"]
    assert values["calls"] == len(server.requests) > N
    assert values["tokens_per_sentence"] == sum(USAGE)
    assert values["cost_per_sentence"] == pytest.approx((100 * 5 + 10 * 10) / 1e6)


def test_an_answer_counts_as_repaired_once_and_only_if_it_is_readable(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    odd = {
        1: answering('<think>hm</think> {"entities": []}'),
        2: answering("I am sorry, I cannot."),
        3: always(says('{"entities": [', finish="length")),
    }
    with serving(knows(gold, odd)) as server:
        make(coner, train, server, tmp_path / "run", data__dev=gold)
    values = read_record(tmp_path / "run").llm["dev"]
    assert {"thinking": 1, "unparsable": 1, "cut": 1, "mended": 2}.items() <= values.counts.items()
    assert values.repaired == 2
