"""A prompted language model over the whole path of the command line, against an endpoint that misbehaves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.data import read
from coner.families import chunks
from coner.records.record import read_record
from helpers.fake_endpoint import Act, Request, fails, last, says, serving
from helpers.llm_config import CONFIG, USAGE, answer, knows, settings
from helpers.shell import Done, refusal

Coner = Callable[..., Done]
pytestmark = pytest.mark.usefixtures("quick")
N = 12


def make(coner: Coner, train: Path, end: Any, out: Path, *more: str, **values: object) -> Done:
    return coner("train", CONFIG, *settings(end, data__train=train, **values), "--out", out, *more)


def entities(path: Path) -> list[Any]:
    return [sentence.entities for sentence in read(path)]


def test_nothing_is_asked_until_there_is_something_to_tag_and_nothing_twice(
    coner: Coner, train: Path, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very-secret-4711"
    monkeypatch.setenv("MY_KEY", key)
    spills = {3: lambda request, turn: fails(400, f"bad request with key {key}") if turn == 0 else rule(request, 0)}
    rule = knows(gold)
    run, out = tmp_path / "run", tmp_path / "out.conll"
    with serving(knows(gold, spills)) as end:
        done = make(coner, train, end, run, llm__key_env="MY_KEY")
        assert done.code == 0 and end.requests == [], done.err
        first = coner("tag", run, gold, "-o", out)
        assert first.code == 3, first.err
        assert f"1 of {N} sentences have no answer (1 refused)" in first.err
        assert end.headers[0]["authorization"] == f"Bearer {key}"
        assert coner("tag", run, gold, "-o", out).code == 0
        assert len(end.requests) == N + 1
        assert entities(out) == entities(gold)
        again = coner("tag", run, gold, "-o", out)
        judged = coner("evaluate", gold, run, "--json")
    assert len(end.requests) == N + 1
    assert f"0 calls, {N} cached" in again.err
    values = json.loads(judged.out)
    assert judged.code == 0 and values["fine"]["micro_f1"] == 1 and values["llm"]["calls"] == 0
    assert values["llm"]["tokens_per_sentence"] == sum(USAGE) and "partial" not in values
    told = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"model.json", "examples.jsonl", "ledger.sqlite", "record.json", "log.txt"} <= {path.name for path in told}
    assert not [path for path in told if key.encode() in path.read_bytes()]
    assert key not in first.err + done.err


def out_of(text: str) -> Callable[[Request, int], Act]:
    return lambda request, turn: says(text, usage=USAGE)


def once(act: Act) -> Callable[[Request, int], Act]:
    """Misbehaves the first time."""
    return lambda request, turn: act if turn == 0 else says('{"entities": []}', usage=USAGE)


def always(act: Act) -> Callable[[Request, int], Act]:
    return lambda request, turn: act


@pytest.mark.parametrize(
    ("rule", "code", "counts"),
    [
        pytest.param(out_of("I am sorry, I cannot."), 0, {"unparsable": 1}, id="no JSON"),
        pytest.param(out_of('{"entities": "none"}'), 0, {}, id="wrong JSON"),
        pytest.param(always(says('{"entities": [{"text": "x", "la', finish="length")), 0, {"cut": 1}, id="cut JSON"),
        pytest.param(out_of('{"Entitäten": [{"Text": "nichts", "Klasse": "Künstler"}]}'), 0, {}, id="other language"),
        pytest.param(lambda request, turn: says(last(request) + "\n{}"), 0, {}, id="prompt echoed"),
        pytest.param(once(fails(429, headers={"Retry-After": "0"})), 0, {"retries": 1}, id="429"),
        pytest.param(once(fails(500)), 0, {"retries": 1}, id="500 once"),
        pytest.param(always(fails(500)), 3, {"exhausted": 1}, id="500"),
        pytest.param(always(Act(cut=-1)), 3, {"exhausted": 1}, id="closed"),
        pytest.param(always(says("{}", after=1.5)), 3, {"exhausted": 1}, id="slow"),
        pytest.param(always(Act(body="")), 3, {"exhausted": 1}, id="empty"),
    ],
)
def test_what_one_bad_answer_does(  # noqa: PLR0917 - pytest fills them in by name
    coner: Coner, train: Path, gold: Path, tmp_path: Path, rule: Any, code: int, counts: dict[str, int]
) -> None:
    run = tmp_path / "run"
    with serving(knows(gold, {5: rule})) as end:
        done = make(coner, train, end, run, data__dev=gold, llm__timeout=1, llm__max_retries=1)
    assert done.code == code, done.err
    told = read_record(run).llm
    assert told is not None
    values = told["dev"]
    assert {**values["counts"], **values["unanswered"], "retries": values["retries"]}.items() >= counts.items()
    scores = read_record(run).scores["dev"]
    assert scores["sentences"] == (N if code == 0 else N - 1)
    lost = len(read(gold)[5].entities or ())
    if code == 0:  # nothing of the sentence, all of the others
        assert scores["fine"]["precision"] == 1
        mentions = sum(len(sentence.entities or ()) for sentence in read(gold))
        assert scores["fine"]["recall"] == pytest.approx(1 - lost / mentions)
    else:
        assert values["partial"] == {"answered": N - 1, "sentences": N}
        assert f"dev: scored on {N - 1} of {N} sentences" in done.err
        assert f"{N - 1} of {N} |" in coner("compare", run, "--markdown").out
        assert scores["fine"]["micro_f1"] == 1
        with serving(knows(gold)) as end:
            again = make(coner, train, end, run, data__dev=gold, llm__timeout=1, llm__max_retries=1)
        assert again.code == 0 and len(end.requests) == 1
        told = read_record(run).llm
        assert told is not None and "partial" not in told["dev"] and read_record(run).scores["dev"]["sentences"] == N
        assert told["dev"]["calls"] == values["calls"] + 1


def test_the_budget_stops_and_the_next_call_goes_on(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out.jsonl"
    limit = ("--limit", "8")
    with serving(knows(gold)) as end:
        make(coner, train, end, run, examples__count=1, llm__concurrency=1, llm__prices="{prompt = 10}")
        preview = json.loads(coner("llm", "preview", run, "a b", "--json").out)
        budget = preview["prompt_tokens"] + preview["completion_tokens_at_most"] + 4 * sum(USAGE)
        part = coner("tag", run, gold, "-o", out, *limit, "--budget-tokens", budget)
        calls = len(end.requests)
        assert part.code == 3 and 0 < calls < 8, part.err
        assert f"{8 - calls} of 8 sentences have no answer ({8 - calls} budget)" in part.err
        assert [entities is None for entities in entities_of(out)] == [False] * calls + [True] * (8 - calls)
        scored = coner("evaluate", gold, run, *limit, "--budget-cost", "0.000001", "--json")
        assert scored.code == 3 and len(end.requests) == calls
        values = json.loads(scored.out)
        assert values["partial"] == {"answered": calls, "sentences": 8} and values["sentences"] == calls
        assert values["fine"]["micro_f1"] == 1
        whole = coner("tag", run, gold, "-o", out, *limit)
    assert whole.code == 0 and len(end.requests) == 8
    assert entities_of(out) == entities(gold)[:8]


def entities_of(path: Path) -> list[Any]:
    return [sentence.entities for sentence in read(path)]


def test_an_endpoint_that_is_not_there_is_given_up(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, and not listening: refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        assert make(coner, train, url, tmp_path / "run").code == 0
        began = time.monotonic()
        done = coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll")
        assert time.monotonic() - began < 20
    assert "no sentence has an answer (unreachable)" in refusal(done, code=3)
    assert not (tmp_path / "out.conll").exists()


def test_what_an_endpoint_declines_is_told(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    answered = knows(gold)

    def rule(request: Request, turn: int) -> Act:
        if "response_format" in request:
            return fails(400, "response_format is not supported")
        return fails(400, "temperature is fixed") if "temperature" in request else answered(request, turn)

    said = "the endpoint does not take a schema for answers nor temperature and seed; it was asked without"
    with serving(rule) as end:
        assert make(coner, train, end, tmp_path / "run").code == 0
        tagged = coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll", "--limit", "3")
        scored = coner("evaluate", gold, tmp_path / "run", "--json")
        assert tagged.code == 0 and said in tagged.err, tagged.err
        assert json.loads(scored.out)["llm"]["declined"] == ["a schema for answers", "temperature and seed"]
        assert coner("evaluate", gold, tmp_path / "run").err.count("does not take") == 0  # the ledger had it all
        trained = make(coner, train, end, tmp_path / "other", data__test=gold)
    assert trained.code == 0 and f"test: {said}" in trained.err, trained.err
    assert read_record(tmp_path / "other").llm["test"]["declined"]


def test_a_refusal_of_all_is_wrong_use(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with serving(always(fails(401, "wrong key"))) as end:
        done = make(coner, train, end, tmp_path / "run", data__dev=gold)
        assert done.code == 2 and "refused" in done.err.splitlines()[-1]
        tagged = coner("tag", tmp_path / "run", gold)
        assert "refused" in refusal(tagged)
    assert not (tmp_path / "run/record.json").exists()
    with serving(knows(gold)) as end:
        assert make(coner, train, end, tmp_path / "run", data__dev=gold).code == 0


def test_a_preview_is_what_is_sent(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    sentence = read(gold)[0]
    run = tmp_path / "run"
    with serving(knows(gold)) as end:
        make(coner, train, end, run, llm__key_env="NOT_SET", llm__prices="{prompt = 2, completion = 4}")
        done = coner("llm", "preview", run, " ".join(sentence.words), "--json")
        assert done.code == 0 and end.requests == [], done.err
        tagged = coner("tag", run, gold, "--limit", "1")
        assert "NOT_SET is not set" in refusal(tagged)
        make(coner, train, end, run, "--overwrite", llm__prices="{prompt = 2, completion = 4}")
        coner("tag", run, gold, "--limit", "1")
    values = json.loads(done.out)
    [request], [shown] = end.requests, values["prompts"]
    assert request["messages"] == shown["messages"] and request["max_tokens"] == shown["max_tokens"]
    assert request["response_format"]["json_schema"]["schema"] == shown["schema"]
    assert (values["calls"], values["completion_tokens_at_most"]) == (1, shown["max_tokens"])
    assert values["cost_at_most"] == pytest.approx((values["prompt_tokens"] * 2 + shown["max_tokens"] * 4) / 1e6)
    text = coner("llm", "preview", run, " ".join(sentence.words)).out
    assert all(message["content"] in text for message in shown["messages"])


def test_zero_shot_wants_a_taxonomy(coner: Coner, gold: Path, tmp_path: Path) -> None:
    with serving(knows(gold)) as end:
        done = coner("train", CONFIG, *settings(end), "--out", tmp_path / "run")
        assert "data.taxonomy: auto" in refusal(done) and not (tmp_path / "run").exists()
        named = settings(end, data__taxonomy="multiconer2", data__dev=gold)
        assert coner("train", CONFIG, *named, "--out", tmp_path / "run", "--json").code == 0
    assert all(len(request["messages"]) == 2 for request in end.requests)
    assert read_record(tmp_path / "run").settings["examples"]["choice"] == "none"
    other = settings("http://127.0.0.1:9/v1", data__taxonomy="multiconer2", data__dev=gold)
    assert coner("train", CONFIG, *other, "--out", tmp_path / "run").code == 0  # the endpoint has moved
    changed = coner("train", CONFIG, *other, "--set", "prompt.steps=2", "--out", tmp_path / "run")
    assert "other settings" in refusal(changed)


def test_what_it_took_stands_beside_the_scores(coner: Coner, train: Path, gold: Path, tmp_path: Path) -> None:
    with serving(knows(gold)) as end:
        make(coner, train, end, tmp_path / "llm", data__dev=gold, llm__prices="{prompt = 5, completion = 10}")
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
    assert "of kind crf asks no endpoint" in refusal(refused)
    assert len(read_text(coner, runs[0], gold, "--limit", "3")) == 3


def read_text(coner: Coner, *arguments: object) -> list[str]:
    return coner("tag", *arguments, "--format", "jsonl").out.splitlines()


@pytest.mark.parametrize("command", ["ablate", "sweep"])
def test_there_is_nothing_to_train_many_times(coner: Coner, train: Path, tmp_path: Path, command: str) -> None:
    space = ("--space", CONFIG.parent / "space.toml") if command == "sweep" else ()
    done = coner(command, CONFIG, "--set", f"data.train={train}", "--out", tmp_path / "x", *space)
    assert "nothing of an llm is trained" in refusal(done)


def test_several_sentences_a_call_are_cached_across_commands(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    corpus = list(read(gold))

    def rule(request: Request, _turn: int) -> Act:
        found = {}
        for line in last(request).splitlines():
            number, _, text = line.partition(": ")
            [sentence] = [sentence for sentence in corpus if " ".join(sentence.words) == text]
            found[number] = json.loads(answer(sentence))["entities"]
        return says(json.dumps(found))

    with serving(rule) as end:
        make(coner, train, end, tmp_path / "run", data__dev=gold, prompt__sentences=5)
        assert len(end.requests) == 3
        assert coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll").code == 0
    assert len(end.requests) == 3
    assert entities(tmp_path / "out.conll") == entities(gold)


def test_the_words_of_a_chunk_part_no_sentences_that_share_a_call(
    coner: Coner, train: Path, gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 20)  # words
    with serving(out_of_nothing) as end:
        make(coner, train, end, tmp_path / "run", data__dev=gold, prompt__sentences=5)
        assert len(end.requests) == 3
        assert coner("tag", tmp_path / "run", gold, "-o", tmp_path / "out.conll").code == 0
        assert coner("distil", tmp_path / "run", gold, "-o", tmp_path / "silver.conll").code == 0
    assert len(end.requests) == 3


def out_of_nothing(request: Request, _turn: int) -> Act:
    return says(json.dumps({line.partition(":")[0]: [] for line in last(request).splitlines()}))


def test_a_copy_with_typos_does_not_make_a_sentence_dearer(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    with serving(lambda request, turn: says('{"entities": []}', usage=USAGE)) as end:
        make(coner, train, end, tmp_path / "run", llm__prices="{prompt = 5, completion = 10}")
        values = json.loads(coner("evaluate", gold, tmp_path / "run", "--noise", "1", "--json").out)["llm"]
    assert values["calls"] == len(end.requests) > N
    assert values["tokens_per_sentence"] == sum(USAGE)
    assert values["cost_per_sentence"] == pytest.approx((100 * 5 + 10 * 10) / 1e6)


def test_an_answer_counts_as_repaired_once_and_only_if_it_could_be_read(
    coner: Coner, train: Path, gold: Path, tmp_path: Path
) -> None:
    odd = {
        1: out_of('<think>hm</think> {"entities": []}'),
        2: out_of("I am sorry, I cannot."),
        3: always(says('{"entities": [', finish="length")),
    }
    with serving(knows(gold, odd)) as end:
        make(coner, train, end, tmp_path / "run", data__dev=gold)
    values = (read_record(tmp_path / "run").llm or {})["dev"]
    assert {"thinking": 1, "unparsable": 1, "cut": 1, "mended": 2}.items() <= values["counts"].items()
    assert values["repaired"] == 2
