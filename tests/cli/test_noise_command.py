"""``coner data noise``: a noisy copy, equal byte for byte except for the typos."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.core.files import sha256
from coner.core.tags import Scheme
from coner.data import read
from helpers import SAMPLE
from helpers.shell import Completed, process, refusal

Coner = Callable[..., Completed]

# Irregular on purpose: several separators, gaps, line ends, a comment, a mark at the start, trailing spaces.
ODD = (
    "\ufeff\n\n# id 1\tdomain=en\ngas\t_  _ B-Artist\n map _ _\tI-Artist  \n\t\nsmog   NN _ O\r\nmap _ _ O\r\n\n\n\n"
    "# note\n# id 2\n京都 _ _ O\n\u200b _ _ O\nmap _ _ B-City"
)
JSONL = (
    '{"text": "gas map in smog", "extra": [1.50, "\\ud800 é"], '
    '"entities": [{"end": 7, "start": 4, "label": "City", "x": 1}]}\r\n'
    "\n"
    '{"words": ["gas-m", "map"], "id": 7, "entities": [{"start": 6, "end": 9, "label": "City"}]}\n'
    '  {"text":"gas  map","entities":[], "gold": []}  \n'
    '{"text": "\\u4eac gas", "entities": []}'
)


def copy(coner: Coner, source: Path, out: Path, *more: object) -> dict[str, Any]:
    done = coner("data", "noise", source, "-o", out, *more, "--json")
    assert (done.code, done.err) == (0, ""), done
    values: dict[str, Any] = json.loads(done.out)
    assert values["sha256"] == sha256(out)
    return values


def compare(source: Path, out: Path, **options: Any) -> tuple[int, int]:
    """How many sentences and words differ, after checking that nothing else does."""
    before, after = read(source, **options), read(out, **options)
    assert len(before) == len(after)
    for a, b in zip(before, after, strict=True):
        assert (len(a), a.entities, a.id, a.header, a.columns) == (len(b), b.entities, b.id, b.header, b.columns)
    words = [sum(x != y for x, y in zip(a.words, b.words, strict=True)) for a, b in zip(before, after, strict=True)]
    return sum(map(bool, words)), sum(words)


@pytest.mark.parametrize("rate", [0, 0.3, 1])
def test_counts_match_the_differences(coner: Coner, out: Path, rate: float) -> None:
    source = SAMPLE / "dev.conll"
    counts = copy(coner, source, out / "x.conll", "--rate", rate)
    assert (counts["noisy"], sum(counts["kinds"].values())) == compare(source, out / "x.conll")
    assert (counts["sentences"], counts["words"], counts["spared"]) == (132, 1983, 0)
    lines = list(zip(*(path.read_bytes().split(b"\n") for path in (source, out / "x.conll")), strict=True))
    assert sum(a != b for a, b in lines) == sum(counts["kinds"].values())
    assert all(a.partition(b" ")[2] == b.partition(b" ")[2] for a, b in lines if a != b)
    if not rate:
        assert (out / "x.conll").read_bytes() == source.read_bytes()


def test_where_limits_noise_to_mentions_or_context(coner: Coner, out: Path) -> None:
    source = SAMPLE / "dev.conll"
    by_where = {}
    for where in ("mentions", "context", "both"):
        counts = copy(coner, source, out / where, "--rate", 1, "--where", where, "--from", "conll", "--words", 0.5)
        by_where[where] = (counts["in_mentions"], sum(counts["kinds"].values()))
        assert counts["spared"] == (8 if where == "mentions" else 0)  # sentences without a mention, see its README
    assert by_where["mentions"][0] == by_where["mentions"][1] > 0
    assert by_where["context"][0] == 0 < by_where["context"][1]
    assert 0 < by_where["both"][0] < by_where["both"][1]


@pytest.mark.parametrize(("name", "text"), [("odd.conll", ODD), ("odd.jsonl", JSONL)])
@pytest.mark.parametrize("packed", [False, True])
def test_an_irregular_file_is_unchanged_except_for_typos(
    coner: Coner, tmp_path: Path, name: str, text: str, packed: bool
) -> None:
    source, end = tmp_path / name, ".gz" if packed else ""
    source.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    more = ("--comment", "# n") if name == "odd.conll" else ()
    options: dict[str, Any] = {"comment": "# n"} if name == "odd.conll" else {}
    load: Callable[[bytes], bytes] = gzip.decompress if packed else bytes
    copy(coner, source, tmp_path / f"same.{name}{end}", "--rate", 0, *more)
    assert load((tmp_path / f"same.{name}{end}").read_bytes()) == text.encode()
    for seed in range(12):
        made = tmp_path / f"{seed}.{name}{end}"
        counts = copy(coner, source, made, "--rate", 0.6, "--seed", seed, *more)
        assert compare(source, made, **options) == (counts["noisy"], sum(counts["kinds"].values()))
        pairs = zip(text.encode().split(b"\n"), load(made.read_bytes()).split(b"\n"), strict=True)
        differ = [(a, b) for a, b in pairs if a != b]
        assert len(differ) == (counts["noisy"] if name == "odd.jsonl" else sum(counts["kinds"].values()))
        for a, b in differ:
            assert a.endswith(b"\r") == b.endswith(b"\r")
            if name == "odd.jsonl":
                old, new = json.loads(a), json.loads(b)
                assert set(old) <= set(new) <= {*old, "words"}
                assert all(new[key] == old[key] for key in old.keys() - {"text", "words", "entities"})
                assert b.isascii() == a.isascii()


def test_a_typo_never_splits_a_word_of_jsonl(coner: Coner, tmp_path: Path) -> None:
    layout, source = tmp_path / "mine.toml", tmp_path / "x.jsonl"
    layout.write_text('[[row]]\nkeys = "a-"\noffset = 0\n')
    source.write_text('{"text": "a", "entities": [{"start": 0, "end": 1, "label": "City"}]}\n')
    texts = set()
    for seed in range(20):
        copy(coner, source, tmp_path / "y.jsonl", "--rate", 1, "--layout", layout, "--seed", seed)
        compare(source, tmp_path / "y.jsonl")
        texts.add(read(tmp_path / "y.jsonl")[0].text)
    assert texts == {"-", "a-", "-a"}


@pytest.mark.parametrize("scheme", ["iob1", "bioes"])
def test_tags_of_other_schemes_are_kept(coner: Coner, tmp_path: Path, scheme: Scheme) -> None:
    texts = {"iob1": "gas I-City\nmap B-City\nsmog O\n", "bioes": "gas B-City\nmap E-City\nsmog S-City\n"}
    source, made = tmp_path / "x.conll", tmp_path / "y.conll"
    source.write_text(texts[scheme])
    copy(coner, source, made, "--rate", 1, "--scheme", scheme)
    assert compare(source, made, scheme=scheme)[0] == 1


def test_a_word_does_not_become_a_comment(coner: Coner, tmp_path: Path) -> None:
    source, made = tmp_path / "x.conll", tmp_path / "y.conll"
    source.write_text("xaa O\n\nxaa O\n")
    for seed in range(30):
        counts = copy(coner, source, made, "--rate", 1, "--comment", "a", "--seed", seed)
        assert compare(source, made, comment="a") == (counts["noisy"], counts["noisy"])
        assert counts["noisy"] + counts["spared"] == 2


def test_faults_are_copied_and_counted(coner: Coner, tmp_path: Path) -> None:
    source, made = tmp_path / "x.conll", tmp_path / "y.conll"
    content = b"gas I-City\n\n\xff O\n\n# id 3\n\nmap B-City\n"
    source.write_bytes(content)
    assert "x.conll:3: byte 1 of the line is 0xff" in refusal(coner("data", "noise", source, "-o", made))
    assert not made.exists()
    done = coner("data", "noise", source, "-o", made, "--repair", "--rate", 0)
    assert done.err == "2 faults to repair and 1 to skip are in the copy too\n"
    assert made.read_bytes() == content


def test_the_report_is_one_line(coner: Coner, tmp_path: Path) -> None:
    source, made = tmp_path / "x.conll", tmp_path / "y.conll"
    source.write_text("京 O\n\ngas B-City\n")
    done = coner("data", "noise", source, "-o", made, "--rate", 1, "--seed", 3)
    assert done.out.startswith(f"{made}  1 of 2 sentences noisy, 1 of 2 words, 1 of them in mentions (")
    assert done.out.endswith("); 1 more have no suitable word\n")


def test_noise_is_the_same_in_another_process(coner: Coner, out: Path) -> None:
    source = SAMPLE / "dev.conll"
    copy(coner, source, out / "a.conll")
    assert process("data", "noise", source, "-o", out / "b.conll").code == 0
    assert (out / "a.conll").read_bytes() == (out / "b.conll").read_bytes() != source.read_bytes()


Wrong = Callable[[Path], list[object]]
WRONG: dict[str, tuple[Wrong, str]] = {
    "rate": (lambda f: [f / "good.conll", "--rate", 2], "got rate 2; expected a fraction of the sentences from 0 to 1"),
    "words": (lambda f: [f / "good.conll", "--words", 2.5], "got 2.5 noisy words per sentence; expected a fraction"),
    "layout": (lambda f: [f / "good.conll", "--layout", "dvorak"], "got layout 'dvorak'; expected one of: azerty"),
    "layout file": (lambda f: [f / "good.conll", "--layout", f / "good.conll"], "good.conll: not valid TOML"),
    "where": (lambda f: [f / "good.conll", "--where", "all"], "'all' is not one of"),
    "missing": (lambda f: [f / "no.conll"], "no.conll: no such file; check the path"),
    "a folder of brat": (lambda f: [f], "got brat; expected conll or jsonl"),
    "stdin": (lambda f: ["-"], "cannot be read twice; expected a file"),
    "text": (lambda f: [f / "plain.txt"], "plain.txt: got text; expected conll or jsonl"),
    "tasks": (lambda f: [f / "tasks.json"], "tasks.json: got labelstudio; expected conll or jsonl"),
    "brat": (lambda f: [f / "doc.ann"], "doc.ann: got brat; expected conll or jsonl"),
    "no labels": (
        lambda f: [f / "bare.conll", "--where", "mentions"],
        "bare.conll:1: --where mentions: got no labels; expected gold labels.",
    ),
    "some labels": (lambda f: [f / "half.jsonl", "--where", "context"], "half.jsonl:2: --where context: got no labels"),
    "itself": (lambda f: [f / "good.conll", "-o", f / "good.conll"], "good.conll: is the input itself"),
    "nowhere": (lambda f: [f / "good.conll", "-o", f / "no" / "x"], "does not exist; create it first"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_one_line_and_writes_nothing(coner: Coner, tmp_path: Path, case: str) -> None:
    (tmp_path / "good.conll").write_text("gas O\n")
    (tmp_path / "bare.conll").write_text("gas\nmap\n")
    (tmp_path / "plain.txt").write_text("gas and map.\n")
    (tmp_path / "tasks.json").write_text('[\n{"data": {"text": "gas"}}\n]\n')
    (tmp_path / "doc.txt").write_text("gas\n")
    (tmp_path / "doc.ann").write_text("T1\tCity 0 3\tgas\n")
    (tmp_path / "half.jsonl").write_text('{"text": "gas", "entities": []}\n{"text": "gas"}\n')
    arguments, message = WRONG[case]
    made = arguments(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    out = [] if "-o" in made else ["-o", tmp_path / "out.conll"]
    assert message in refusal(coner("data", "noise", *made, *out))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the devices of Linux")
def test_a_device_is_refused(coner: Coner, tmp_path: Path) -> None:
    message = refusal(coner("data", "noise", "/dev/stdin", "-o", tmp_path / "x.conll"))
    assert "is a pipe or device" in message
