"""Control characters become visible, whatever prints them; the standard streams when some are closed."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.progress import Log, PlainConsole
from coner.core.terminal import EscapedStream, visible
from coner.report.grid import Grid
from helpers.shell import Completed, World, command

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\x7f\x08\r\x00"
BAD = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\t"}


def clean(text: str) -> bool:
    return not BAD & set(text)


@given(st.text())
def test_escapes_are_those_of_json(text: str) -> None:
    shown = visible(text)
    assert clean(shown)
    assert "\\" in text or json.loads(f'"{visible(json.dumps(text)[1:-1])}"') == text
    assert shown == text or BAD & set(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_consoles_and_streams_pass_no_control_character(text: str) -> None:
    written = io.StringIO()
    console = PlainConsole(file=written, width=200, soft_wrap=True)
    console.print(text)
    console.print(Grid([text, "b"], [[text, text]]).table())
    EscapedStream(written).writelines([text, "\n"])
    assert clean(written.getvalue())


def test_rich_writes_its_own_sequences_past_the_guard() -> None:
    terminal = io.StringIO()
    console = PlainConsole(file=EscapedStream(terminal), force_terminal=True, color_system="standard")
    console.print(f"a{EVIL}b", style="red")
    assert terminal.getvalue().startswith("\x1b[31ma\\u001b]0;title\\u0007")
    assert terminal.getvalue().count("\x1b") == 2


def test_a_log_file_holds_no_control_character(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Log(tmp_path / "log.txt") as log:
        log(EVIL)
    assert clean((tmp_path / "log.txt").read_text(encoding="utf-8"))
    assert clean(capsys.readouterr().err)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A file with control characters in words, labels and a faulty tag, under such a name."""
    path = tmp_path / "\x1b[31mred.conll"
    label = "B-\x1b]0;owned\x07"
    path.write_text(f"she\tO\nsaw\x1b[2J\tO\n\x9b31mOslo\t{label}\n\nx\t{label}\n\n", encoding="utf-8")
    return path


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal and such file names")
@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "stats", "FILE"],
        ["data", "stats", "FILE", "--json"],
        ["convert", "FILE", "OUT"],
        ["evaluate", "FILE", "FILE"],
        ["tag", "MODEL", "FILE"],
        ["tag", "FILE", "FILE"],
        ["train", "FILE", "--set", "crf.\x1b[31m=1", "--out", "OUT"],
        ["\x1b[31m"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]).replace("\x1b", ""),
)
def test_no_command_passes_control_characters_of_a_file_to_a_terminal(
    arguments: list[str], hostile: Path, world: World, tmp_path: Path
) -> None:
    values = {"FILE": hostile, "OUT": tmp_path / "out.jsonl", "MODEL": world.model}
    master, slave = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}  # else rich moves the cursor and colours
    line = command(*[values.get(argument, argument) for argument in arguments])
    with subprocess.Popen(line, stdout=slave, stderr=slave, stdin=subprocess.DEVNULL, env=environment) as running:
        os.close(slave)
        shown = b"".join(read_all(master))
        running.wait(60)
    os.close(master)
    assert shown
    text = shown.decode().replace("\r\n", "\n")
    assert clean(text), text
    assert "Traceback" not in text


def read_all(master: int) -> list[bytes]:
    blocks = []
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other end is closed
            return blocks
        if not block:
            return blocks
        blocks.append(block)


def test_tagged_sentences_are_verbatim_where_no_terminal_reads_them(world: World, hostile: Path) -> None:
    done = subprocess.run(command("tag", world.model, hostile), capture_output=True, check=True)
    assert "saw\x1b[2J" in done.stdout.decode()
    assert clean(done.stderr.decode())


@pytest.mark.skipif(os.name != "posix", reason="the shell closes them")
@pytest.mark.parametrize(
    ("redirect", "arguments", "code", "out", "err"),
    [
        ("2>&-", ("evaluate", "none", "none"), 2, "", ""),
        ("2>&-", ("config", "nope"), 2, "", ""),
        (">&-", ("config", "crf"), 2, "", "coner: standard output is closed\n"),
        (">&-", ("--help",), 2, "", "coner: standard output is closed\n"),
        (">&-", ("--version",), 2, "", "coner: standard output is closed\n"),
        (">&- 2>&-", ("config", "crf"), 2, "", ""),
        ("| head -n 0", ("config", "crf"), 0, "", ""),
    ],
)
def test_closed_streams(redirect: str, arguments: tuple[str, ...], code: int, out: str, err: str) -> None:
    line = f"set -o pipefail; '{sys.executable}' -m coner {' '.join(arguments)} {redirect}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


@pytest.mark.skipif(os.name != "posix", reason="the shell closes them")
def test_work_that_prints_nothing_needs_no_stream(
    coner: Callable[..., Completed], world: World, tmp_path: Path
) -> None:
    line = [*command("tag", world.model, world.dev, "-o", tmp_path / "out.conll")]
    done = subprocess.run(["bash", "-c", '"$@" <&- >&- 2>&-', "x", *line], check=False)
    assert done.returncode == 0
    assert coner("evaluate", world.dev, tmp_path / "out.conll").code == 0
