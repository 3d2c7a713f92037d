"""Fetching from a fake hub: files are checked; a failure is one line, and nothing is kept."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from coner.core.errors import DataError, OutputError
from coner.data import fetch as module
from coner.data.fetch import SOURCES, ExpectedFile, HubDataset, fetch, git_blob
from helpers import data_hub as stand_in
from helpers.data_hub import Hub, blob_name

pytest.importorskip("huggingface_hub")

FILES = {
    "README.md": b"about",
    "EN-English/en_train.conll": b"\n# id 1\na _ _ O\n\n",
    "EN-English/en_dev.conll": b"\n# id 2\nb _ _ O\n\n",
    "EN-English/en_test.conll": b"\n# id 3\nc _ _\n\n" * 1000,
    "DE-German/de_train.conll": "\n# id 4\nä _ _ O\n\n".encode(),
    "DE-German/de_test.conll": b"\n# id 5\nd _ _\n\n" * 1000,
    "MULTI-Multilingual/multi_train.conll": b"\n# id 6\ne _ _ O\n\n",
}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running stand-in, and a data set whose English files are known beforehand."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # the tests' own switch: here is a hub
    known = {
        path.partition("/")[2]: ExpectedFile(len(content), sha256=sha(content))
        if "test" in path
        else ExpectedFile(len(content), blob_name(content), sha(content) if "train" in path else None)
        for path, content in FILES.items()
        if path.startswith("EN")
    }
    monkeypatch.setitem(module.SOURCES, "small", HubDataset(stand_in.REPO, known, "CC0", "nobody"))
    with stand_in.serve(Hub(files=dict(FILES), large={"DE-German/de_test.conll"})) as running:
        yield running


def test_english_files_are_checked_against_the_manifest(hub: Hub, tmp_path: Path) -> None:
    got = fetch("small", language="EN", out=tmp_path / "new" / "data", endpoint=hub.url)
    assert [item.path.name for item in got] == ["en_train.conll", "en_dev.conll", "en_test.conll"]
    for item in got:
        content = FILES[f"EN-English/{item.path.name}"]
        assert item.path.read_bytes() == content
        assert (item.size, item.sha256, item.checked) == (len(content), sha(content), "manifest")
    assert sorted(path.name for path in (tmp_path / "new" / "data").iterdir()) == sorted(i.path.name for i in got)


def test_other_languages_are_checked_against_the_hubs_listing(hub: Hub, tmp_path: Path) -> None:
    got = fetch("small", language="de", splits=["train", "test"], out=tmp_path, endpoint=hub.url)
    assert [(item.path.read_bytes(), item.checked) for item in got] == [
        (FILES["DE-German/de_train.conll"], "hub"),
        (FILES["DE-German/de_test.conll"], "hub"),
    ]
    (multi,) = fetch("small", language="multi", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert multi.path.read_bytes() == FILES["MULTI-Multilingual/multi_train.conll"]


def test_a_correct_file_is_not_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    for _ in range(2):
        fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert hub.asked == ["EN-English/en_train.conll"]
    (tmp_path / "en_train.conll").write_bytes(b"something else")
    fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert (tmp_path / "en_train.conll").read_bytes() == FILES["EN-English/en_train.conll"]


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("EN-English/en_train.conll", "has sha256"),
        ("EN-English/en_dev.conll", "has git blob"),
        ("EN-English/en_test.conll", "has sha256"),
        ("DE-German/de_train.conll", "has git blob"),
        ("DE-German/de_test.conll", "has sha256"),
    ],
)
def test_a_corrupted_file_is_refused_and_the_old_one_kept(hub: Hub, tmp_path: Path, file: str, what: str) -> None:
    right = hub.files[file]
    hub.sent[file] = right[:-2] + bytes([right[-2] ^ 1]) + right[-1:]
    name = file.partition("/")[2]
    code, _, split = name.removesuffix(".conll").partition("_")
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(DataError, match=f"{name} from {stand_in.REPO} {what} .*nothing was kept") as caught:
        fetch("small", language=code, splits=[split], out=tmp_path, endpoint=hub.url)
    assert "\n" not in str(caught.value)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_an_official_file_that_has_changed_on_the_hub_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.files["EN-English/en_train.conll"] += b"more"
    with pytest.raises(DataError, match=r"en_train\.conll .*has 21 bytes; expected 17; .*official file has changed"):
        fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert not list(tmp_path.iterdir())


def test_files_without_a_listed_hash_need_the_manifest(hub: Hub, tmp_path: Path) -> None:
    hub.bare = set(FILES)
    with pytest.raises(DataError, match=r"got no hash of de_train\.conll"):
        fetch("small", language="de", splits=["train"], out=tmp_path, endpoint=hub.url)
    (got,) = fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert got.checked == "manifest"
    assert hub.asked == ["EN-English/en_train.conll"]


def test_a_missing_file_is_reported_before_any_download(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no de_dev\.conll .*for DE it has de_test\.conll, de_train\.conll"):
        fetch("small", language="de", out=tmp_path, endpoint=hub.url)
    with pytest.raises(DataError, match=r"has no zh_train\.conll .*for ZH it has nothing"):
        fetch("small", language="zh", out=tmp_path, endpoint=hub.url)
    assert (hub.asked, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("where", "status"),
    [("", 401), ("", 404), ("", 500), ("EN-English/en_train.conll", 403), ("EN-English/en_train.conll", 404)],
)
def test_an_error_status_of_the_hub_is_one_line(hub: Hub, tmp_path: Path, where: str, status: int) -> None:
    hub.status[where] = status
    with pytest.raises(DataError, match=rf"{stand_in.REPO}: got status {status} for en_train\.conll") as caught:
        fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_network_is_one_line_with_advice(hub: Hub, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and never listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            DataError, match=r"cannot be reached .*download en_train\.conll there .* and copy it"
        ) as caught:
            fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=endpoint)
    assert "\n" not in str(caught.value)


def test_the_offline_switch_of_the_client_is_reported(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE"):
        fetch("small", language="en", splits=["train"], out=tmp_path, endpoint=hub.url)
    assert hub.asked == []


def test_a_folder_that_cannot_be_made_is_one_line(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be"):
        fetch("small", language="en", out=tmp_path / "file", endpoint=hub.url)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "language", "splits", "message"),
    [
        ("multiconer1", "en", ["train"], "got data set 'multiconer1'; expected one of: multiconer2"),
        ("multiconer2", "english", ["train"], "got language 'english'; multiconer2 has: bn, de, en"),
        ("multiconer2", "en", ["train", "valid"], "got split 'valid'; expected any of: train, dev, test"),
    ],
)
def test_unknown_names_give_the_list(tmp_path: Path, name: str, language: str, splits: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fetch(name, language=language, splits=splits, out=tmp_path, endpoint="http://127.0.0.1:9")


def test_git_blob_hashes_as_git_does(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello\n")
    assert git_blob(tmp_path / "x") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object's answer


def test_the_manifest_lists_all_english_files() -> None:
    known = SOURCES["multiconer2"].known
    assert known.keys() == {f"en_{split}.conll" for split in ("train", "dev", "test")}
    for file in known.values():
        assert file.blob or file.sha256
        assert len(file.blob or "0" * 40) == 40
        assert len(file.sha256 or "0" * 64) == 64
