"""``coner data``: its output, also as JSON, and its errors."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from coner.cli.data import app
from coner.core.errors import ConerError, OutputError
from coner.core.files import sha256
from coner.data import read

SAMPLE = Path(str(resources.files("coner.data"))) / "sample"
FAULTY = "# id 1\na O\nb I-City\n\n# id 1\nc\nd B-Odd\n\n# id 2\ne I-City\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


def output(*arguments: object) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def error(*arguments: object) -> str:
    done = run(*arguments)
    assert isinstance(done.exception, ConerError), done.exception
    assert done.stdout == ""
    return str(done.exception)


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.conll"
    path.write_text(FAULTY)
    return path


def test_stats_of_the_sample_match_its_readme() -> None:
    found = output("stats", SAMPLE / "dev.conll", "--against", SAMPLE / "train.conll", "--taxonomy", "multiconer2")
    table = (SAMPLE / "README.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in table if line.startswith("| dev |")).split("|")[2:-1]
    counts = [found["sentences"], found["without_mention"], found["words"], found["mentions"]]
    assert counts == [int(cell) for cell in row[:4]]
    assert row[4].strip() == f"{100 * found['unseen_rate']:.1f} %"
    assert (found["fault_count"], found["faults"], len(found["classes"])) == (0, {}, 33)


def test_stats_lists_every_fault_with_its_lines(faulty: Path, tmp_path: Path) -> None:
    taxonomy = tmp_path / "mine.toml"
    taxonomy.write_text('[Place]\nCity = ""\n')
    found = output("stats", faulty, "--taxonomy", taxonomy)
    faults = {message.partition(";")[0]: lines for message, lines in found["faults"].items()}
    assert faults == {
        "tag 'I-City' after O is not valid iob2": [3],
        "got 1 column": [6],
        "got label 'Odd', which is not in the taxonomy": [7],
        "tag 'I-City' after the start is not valid iob2": [10],
    }
    assert (found["fault_count"], found["repeated_ids"]) == (4, {"1": 2})
    shown = run("stats", faulty, "--taxonomy", taxonomy).stdout
    assert "4 faults" in shown
    assert "1 x got label 'Odd', which is not in the taxonomy: line 7\n" in shown
    assert "  1: 2 times\n" in shown


def test_stats_escapes_markup_and_cuts_long_lists(tmp_path: Path) -> None:
    path = tmp_path / "many.conll"
    path.write_text("".join(f"[bold]{i} B-[X]\n\n[bold]{i} B-Y\n\nb I-Z\n\n" for i in range(9)))
    shown = run("stats", path).stdout
    assert "│ [X] " in shown
    assert "9 surfaces with several labels\n  [bold]0: Y 1, [X] 1\n" in shown
    assert "... and 4 more: --json has them all" in shown
    assert "lines 5, 11, 17, 23, 29 and 4 more" in shown


def test_stats_reads_other_schemes_and_formats(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text("a I-City\nb B-City\n")
    found = output("stats", tmp_path / "x.conll", "--scheme", "iob1")
    assert (found["mentions"], found["touching"], found["fault_count"]) == (2, 1, 0)
    (tmp_path / "x.txt").write_text("a city of theirs.\n")
    found = output("stats", tmp_path / "x.txt")
    assert (found["words"], found["unlabelled"], found["mentions"]) == (5, 1, 0)


def test_split_writes_three_files_and_reports_their_contents(tmp_path: Path) -> None:
    source = SAMPLE / "train.conll"
    found = output("split", source, "--dev", 0.2, "--test", 0.1, "--seed", 7, "--out", tmp_path / "splits")
    assert (found["seed"], found["repaired"], found["skipped"]) == (7, 0, 0)
    total = 0
    for name, share in {"train": 0.7, "dev": 0.2, "test": 0.1}.items():
        reported, path = found["splits"][name], tmp_path / "splits" / f"{name}.conll"
        corpus = read(path)
        assert reported == {
            "file": str(path),
            "sentences": len(corpus),
            "mentions": sum(len(s.entities or ()) for s in corpus),
            "sha256": sha256(path),
        }
        assert len(corpus) == pytest.approx(share * 614, abs=5)
        total += len(corpus)
    assert total == 614
    again = run("split", source, "--dev", 0.2, "--test", 0.1, "--seed", 7, "--out", tmp_path / "again").stdout
    for name, line in zip(("train", "dev", "test"), again.splitlines(), strict=True):
        assert line.startswith(str(tmp_path / "again" / f"{name}.conll"))
        assert line.endswith("sha256 " + found["splits"][name]["sha256"])


def test_split_does_not_overwrite_its_source(tmp_path: Path) -> None:
    source = tmp_path / "train.conll"
    source.write_bytes((SAMPLE / "train.conll").read_bytes())
    assert "is the input itself. Fix: choose another output" in error("split", source, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.conll"]
    assert source.read_bytes() == (SAMPLE / "train.conll").read_bytes()


def test_split_repairs_only_on_request_and_reports_it(faulty: Path, tmp_path: Path) -> None:
    assert "faulty.conll:3: tag 'I-City' after O" in error("split", faulty, "--out", tmp_path / "no")
    assert not (tmp_path / "no").exists()
    done = run("split", faulty, "--dev", 0, "--test", 0.4, "--repair", "--out", tmp_path / "yes")
    assert done.stderr == f"{faulty}: 3 repaired, 0 left out\n"
    assert sorted(path.name for path in (tmp_path / "yes").iterdir()) == ["test.conll", "train.conll"]


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.conll").write_text("")
    (tmp_path / "binary.conll").write_bytes(b"\x7fELF\0")
    for name, message in {
        "empty.conll": "empty.conll: got no sentence",
        "binary.conll": "binary.conll:1: contains a zero byte",
        "missing.conll": "missing.conll: no such file",
        "": "is a folder; expected a file",
    }.items():
        for command in (["stats"], ["split", "--out", tmp_path / "out"]):
            assert message in error(*command, tmp_path / name)
    assert "got taxonomy 'nope'; expected one of: conll2003" in error(
        "stats", SAMPLE / "dev.conll", "--taxonomy", "nope"
    )
    assert "sum to less than 1" in error("split", SAMPLE / "dev.conll", "--dev", 0.6, "--test", 0.4, "--out", tmp_path)
    (tmp_path / "file").write_text("")
    done = run("split", SAMPLE / "dev.conll", "--out", tmp_path / "file")
    assert isinstance(done.exception, OutputError)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "permission denied" in error("split", SAMPLE / "dev.conll", "--out", tmp_path / "x")


def test_fetch_reports_files_licence_and_citation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coner.data import fetch as module

    asked: list[tuple[Any, ...]] = []

    def fetch(name: str, *, language: str, out: Path, splits: list[str]) -> list[module.Fetched]:
        asked.append((name, language, out, tuple(splits)))
        return [module.Fetched(out / "de_dev.conll", 12345, "f" * 64, "hub")]

    monkeypatch.setattr(module, "fetch", fetch)
    done = run("fetch", "multiconer2", "--language", "de", "--out", tmp_path, "--split", "dev")
    assert done.stdout == (
        f"{tmp_path / 'de_dev.conll'}  12,345 bytes  sha256 {'f' * 64}  checked against the hub's listing\n"
    )
    assert "CC BY 4.0" in done.stderr
    assert "Fetahu" in done.stderr
    (found,) = output("fetch", "multiconer2")
    assert (found["bytes"], found["checked"]) == (12345, "hub")
    everything = ("train", "dev", "test")
    assert asked == [("multiconer2", "de", tmp_path, ("dev",)), ("multiconer2", "en", Path("data"), everything)]


def test_fetch_checks_names_before_any_request(tmp_path: Path) -> None:
    assert "expected one of: multiconer2" in error("fetch", "conll2003", "--out", tmp_path)
    assert "got language 'xx'; multiconer2 has: bn" in error("fetch", "multiconer2", "--language", "xx")
    assert "got split 'all'" in error("fetch", "multiconer2", "--parts", "all")


def coner(*arguments: object, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The whole command in a process of its own."""
    code = "import sys; from coner.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **environment}, check=False)


def test_offline_fetch_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    switches = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = coner("data", "fetch", "multiconer2", "--out", tmp_path / "x", **switches)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"download en_train.conll there" in done.stderr
    assert not (tmp_path / "x").exists()


def test_stats_reads_gzip_from_standard_input() -> None:
    packed = gzip.compress((SAMPLE / "dev.conll").read_bytes())
    for option in ("--from", "--format"):  # the second is a former name
        done = coner("data", "stats", "-", option, "conll", "--json", stdin=packed)
        assert json.loads(done.stdout)["sentences"] == 132
