"""The ledger: which prompts are equal, crashes, several processes, damaged files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConerError, DataError, OutputError
from coner.families.llm.endpoint.ledger import Ledger, prompt_hash
from coner.families.llm.endpoint.messages import Completion, Message, Prompt
from coner.families.llm.endpoint.settings import Endpoint
from helpers.fake_endpoint import fails, last, says, serving
from helpers.llm_client import SCHEMA, client, kinds, prompt, stored

ANSWER = Completion("[] \U0001f600\n", "stop", 5, 2, cached=False, seconds=0.5)


def test_stored_answers_are_found_after_reopening(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.get("k") is None
        ledger.put("k", "tiny", ANSWER)
        ledger.put("k", "tiny", replace(ANSWER, text="later"))
    with Ledger(tmp_path / "l.sqlite") as again:
        assert again.get("k") == replace(ANSWER, cached=True)
        assert stored(again.path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"l.sqlite"}  # and no files of SQLite


ENDPOINT = Endpoint(model="tiny")
PROMPT = prompt("a", schema=SCHEMA)


@pytest.mark.parametrize(
    ("other", "endpoint"),
    [
        (PROMPT, ENDPOINT.model_copy(update={"model": "large"})),
        (PROMPT, ENDPOINT.model_copy(update={"temperature": 0.5})),
        (PROMPT, ENDPOINT.model_copy(update={"seed": None})),
        (replace(PROMPT, max_tokens=11), ENDPOINT),
        (replace(PROMPT, schema=None), ENDPOINT),
        (replace(PROMPT, schema={**SCHEMA, "title": "x"}), ENDPOINT),
        (replace(PROMPT, messages=PROMPT.messages[1:]), ENDPOINT),
        (replace(PROMPT, messages=PROMPT.messages[::-1]), ENDPOINT),
        (replace(PROMPT, messages=(Message("user", "Say it again."), PROMPT.messages[1])), ENDPOINT),
        (prompt("a ", schema=SCHEMA), ENDPOINT),
    ],
)
def test_prompts_differ_by_everything_that_the_model_sees(other: Prompt, endpoint: Endpoint) -> None:
    assert prompt_hash(other, endpoint) != prompt_hash(PROMPT, ENDPOINT)


def test_prompts_do_not_differ_by_address_or_rate() -> None:
    elsewhere = Endpoint(
        base_url="https://x.example/v1",
        model="tiny",
        concurrency=9,
        timeout=1,
        key_env="K_API_KEY",
        prices={"prompt": 3},
    )
    turned = dict(reversed(SCHEMA.items()))
    assert prompt_hash(replace(PROMPT, schema=turned), elsewhere) == prompt_hash(PROMPT, ENDPOINT)


def test_a_second_run_costs_nothing(tmp_path: Path) -> None:
    prompts = [prompt(str(i)) for i in range(8)]
    with serving(lambda request, _: says(f"{last(request)}!")) as server:
        for turn in range(2):
            with Ledger(tmp_path / "l.sqlite") as ledger:
                complete = client(server.url, ledger=ledger)
                answers = list(complete(prompts))
            assert kinds(answers) == [f"{i}!" for i in range(8)]
            assert [answer.cached for answer in answers if isinstance(answer, Completion)] == [turn == 1] * 8
    assert len(server.requests) == 8
    assert (complete.totals.calls, complete.totals.cached, complete.totals.prompt_tokens, complete.totals.seconds) == (
        0,
        8,
        0,
        0,
    )


def test_failures_are_not_stored(tmp_path: Path) -> None:
    with serving(lambda *_: fails(400)) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        list(client(server.url, ledger=ledger)([prompt("a")]))
        assert stored(ledger.path) == 0


RUN = """
import sys
from helpers.llm_client import client, prompt
from coner.families.llm.endpoint.ledger import Ledger
url, path, first, last = sys.argv[1:]
with Ledger(path) as ledger:
    complete = client(url, ledger=ledger, concurrency=2)
    for answer in complete(prompt(str(i)) for i in range(int(first), int(last))):
        print(answer.text, flush=True)
"""


@pytest.fixture
def start_process(tmp_path: Path) -> Callable[..., Any]:
    """Starts a process that sends the prompts with a range of numbers."""
    paths = os.pathsep.join(sys.path)

    def start(url: str, first: int, last: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", RUN, url, str(tmp_path / "l.sqlite"), str(first), str(last)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths})

    return start


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_after_a_kill_only_missing_prompts_are_sent(tmp_path: Path, start_process: Callable[..., Any]) -> None:
    with serving(lambda request, _: says(last(request), after=0.05)) as server:
        killed = start_process(server.url, 0, 60)
        seen = [killed.stdout.readline().strip() for _ in range(12)]
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        time.sleep(0.3)  # the endpoint still answers the calls of the killed process
        with Ledger(tmp_path / "l.sqlite") as ledger:
            kept = stored(ledger.path)
        sent = len(server.requests)
        # Every answer that was printed is stored; of the calls sent, at most the two in flight are lost.
        assert seen == [str(i) for i in range(12)]
        assert len(seen) <= kept < 60
        assert sent - kept <= 2
        with Ledger(tmp_path / "l.sqlite") as ledger:
            assert kinds(list(client(server.url, ledger=ledger)(prompt(str(i)) for i in range(60)))) == [
                str(i) for i in range(60)
            ]
        assert len(server.requests) == sent + 60 - kept


def test_two_processes_share_a_ledger(tmp_path: Path, start_process: Callable[..., Any]) -> None:
    with serving() as server:
        both = [start_process(server.url, 0, 60), start_process(server.url, 40, 100)]
        printed = [process.communicate()[0].split() for process in both]
    assert printed == [[str(i) for i in range(60)], [str(i) for i in range(40, 100)]]
    assert 100 <= len(server.requests) <= 120
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert stored(ledger.path) == 100


def test_several_processes_can_create_the_same_ledger_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from coner.families.llm.endpoint.ledger import Ledger\n"
        "for i in range(20): Ledger(f'{sys.argv[1]}/{i}').__exit__()"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) for _ in range(4)]
    assert [process.communicate()[1] for process in processes] == [""] * 4


def full(path: Path) -> bytes:
    with Ledger(path) as ledger:
        rows = [(f"{i:064}", "x" * 50) for i in range(2000)]
        ledger._database.execute("BEGIN")
        ledger._database.executemany("INSERT INTO answers VALUES (?, 'm', ?, 'stop', 1, 1, 1.0, '')", rows)
        ledger._database.execute("COMMIT")
    return path.read_bytes()


@pytest.mark.parametrize("how", ["text", "head", "middle", "cut", "foreign", "newer", "folder"])
def test_a_damaged_file_is_reported_in_one_line(tmp_path: Path, how: str) -> None:
    path = tmp_path / "l.sqlite"
    if how == "folder":
        path.mkdir()
    elif how == "foreign":
        base = sqlite3.connect(path)
        base.execute("CREATE TABLE mine (x)")
        base.close()
    else:
        data = full(path)
        if how == "newer":
            base = sqlite3.connect(path)
            base.execute("PRAGMA user_version = 2")
            base.close()
        else:
            half = len(data) // 2
            path.write_bytes(
                {
                    "text": b"sentence\tanswer\n" * 99,
                    "head": b"\0" * 100 + data[100:],
                    "middle": data[: half - 5000] + os.urandom(10_000) + data[half + 5000 :],
                    "cut": data[:half],
                }[how]
            )
    before = None if how == "folder" else path.read_bytes()
    with pytest.raises(ConerError, match=r"l\.sqlite: ") as caught:
        Ledger(path)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DataError)
    assert how == "folder" or path.read_bytes() == before


def test_damage_while_open_is_reported_by_the_client(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with serving() as server, Ledger(path) as ledger:
        ledger._database.execute("DROP TABLE answers")
        with pytest.raises(OutputError, match=r"l\.sqlite: the ledger cannot be used: no such table"):
            list(client(server.url, ledger=ledger)([prompt("a")]))


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'.*nowhere' does not exist\. Fix: create it first"):
        Ledger(tmp_path / "nowhere" / "l.sqlite")


def test_an_empty_file_is_a_new_ledger(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").touch()
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert stored(ledger.path) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE answers SET text = x'00'",
        "UPDATE answers SET prompt_tokens = 'many'",
        "UPDATE answers SET completion_tokens = -1",
        "UPDATE answers SET seconds = 9e999",
        "CREATE TRIGGER t AFTER INSERT ON answers BEGIN DELETE FROM answers; END",
        "ALTER TABLE answers RENAME TO a; CREATE VIEW answers AS WITH RECURSIVE r(n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS prompt FROM r",
    ],
)
def test_an_untrusted_ledger_is_refused_in_one_line(change: str, tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.put("key", "tiny", Completion("a", "stop", 1, 1, False, 0.5))
    with closing(sqlite3.connect(path)) as database:
        database.executescript(change)
        database.commit()
    with pytest.raises(DataError, match=r"\A[^\n]*damaged[^\n]*\Z"), Ledger(path) as ledger:
        ledger.get("key")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_as_a_ledger_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a regular file"):
        Ledger(tmp_path / "pipe")
