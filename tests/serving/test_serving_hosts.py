"""What a page of another site can reach, and large bodies whose answer clients can read."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.server import Server, run_stub


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_stub(allow_hosts=["ner.example.org"], limits={"body": 500_000}) as running:
        yield running
        assert running.stop() == 0


def names(server: Server, host: str, origin: str | None = None) -> int:
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    replies = [server.tag({"text": "in Rome"}, headers=headers), server.get("/", headers=headers)]
    statuses = {reply.status for reply in replies}
    assert len(statuses) == 1
    if statuses == {403}:
        assert {reply.code for reply in replies} == {"foreign_host"}
        assert "--allow-host" in replies[0].message
    return statuses.pop()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "localhost.",
        "x.localhost:1",
        "127.0.0.1",
        "127.9.9.9:8000",
        "[::1]:8000",
        "ner.example.org",
        "Ner.Example.org:443",
    ],
)
def test_names_of_this_machine_and_allowed_names_are_answered(server: Server, host: str) -> None:
    assert names(server, host) == 200
    assert names(server, host, f"http://{host}") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "example.org",
        "notlocalhost",
        "0.0.0.0",
        "10.0.0.1",
        "[::ffff:8.8.8.8]",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost/evil",
        "[localhost",
        "",
        "localhost evil",
    ],
)
def test_other_names_are_refused(server: Server, host: str) -> None:
    assert names(server, host) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://localhost:8000.evil.example",
        "file://",
        "",
        "localhost:8000",
        "http://evil.example@localhost:8000",
    ],
)
def test_scripts_of_other_sites_are_refused(server: Server, origin: str) -> None:
    assert names(server, "localhost:8000", origin) == 403


@pytest.mark.parametrize("origin", ["http://localhost:8000", "https://LOCALHOST:8000", "https://ner.example.org"])
def test_the_page_and_allowed_sites_are_answered(server: Server, origin: str) -> None:
    assert names(server, "localhost:8000", origin) == 200


def test_old_clients_that_name_no_host_are_answered(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert b"200 OK" in b"".join(iter(lambda: client.recv(4096), b""))


def test_no_answer_repeats_the_host_as_an_address(server: Server) -> None:
    for path in ("/tag/", "/labels/", "//tag", "/page.css/"):
        for host in ("localhost:1234", "evil.example"):
            reply = server.get(path, headers={"Host": host})
            assert reply.status in (403, 404)
            assert "location" not in reply.headers


def test_an_open_address_takes_any_name_unless_names_are_allowed() -> None:
    with run_stub(host="0.0.0.0") as running:
        assert running.get("/health", headers={"Host": "any.example"}).status == 200
        assert running.get("/health", headers={"Origin": "https://any.example"}).status == 200
    with run_stub(host="0.0.0.0", allow_hosts=["ner.example"]) as running:
        assert running.get("/health", headers={"Host": "any.example"}).status == 403
        assert running.get("/health", headers={"Host": "ner.example"}).status == 200


BODY = b'{"text": "%b"}'


@pytest.mark.parametrize("megabytes", [1, 5, 15])
def test_python_and_curl_read_that_a_body_is_too_large(server: Server, tmp_path: Path, megabytes: int) -> None:
    body = BODY % (b"a" * (megabytes << 20))
    url = f"http://127.0.0.1:{server.port}/tag"
    headers = {"Content-Type": "application/json"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30)
    assert caught.value.code == 413
    assert json.load(caught.value)["error"]["code"] == "too_large"
    (tmp_path / "body").write_bytes(body)
    if (curl := shutil.which("curl")) is None:
        return
    for more in ((), ("-H", "Expect:"), ("-H", "Transfer-Encoding: chunked", "-H", "Expect:")):
        arguments = [
            curl,
            "-s",
            "-S",
            "-H",
            "Content-Type: application/json",
            *more,
            "--data-binary",
            f"@{tmp_path}/body",
        ]
        done = subprocess.run([*arguments, "-w", " %{http_code}", url], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(" 413")
        assert '"too_large"' in done.stdout


def test_other_refusals_of_a_request_with_a_body_are_readable_too() -> None:
    with run_stub(token="CONER_TEST_TOKEN", environment={"CONER_TEST_TOKEN": "correct-horse"}) as running:
        body = BODY % (b"a" * (5 << 20))
        assert running.tag(body).code == "unauthorised"
        assert running.tag(body, headers={"Host": "evil.example"}).code == "foreign_host"


def test_a_body_without_end_is_cut_off(server: Server) -> None:
    """After 16 MiB, or two seconds, nothing more is read."""
    head = (
        b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    block = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head)
        sent = 0
        with pytest.raises(OSError):
            while sent < 200 << 20:
                client.sendall(block)
                sent += len(block)
    assert 500_000 < sent < 60 << 20  # with what the system buffers
    assert server.get("/health").status == 200
