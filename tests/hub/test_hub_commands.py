"""Upload to a fake hub and download from it, with the hub's real client."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import coner as package
from coner.core.errors import ModelError
from coner.families import model_folder
from coner.hub import RepoRef, model_name
from coner.hub.names import names_in
from coner.report.card import CardMetadata
from coner.report.publish import gather
from helpers import repos as fake_hub
from helpers.repos import TOKEN, FakeHub, Repo
from helpers.shell import Completed, World, command, refusal

pytest.importorskip("huggingface_hub")
UPLOADED = {"README.md", "model.json", "record.json", "weights.npz", "features.json", "lexicon.json"}
Coner = Callable[..., Completed]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A running fake that this process and its children use as the hub, with an empty cache."""
    from huggingface_hub import constants

    with fake_hub.serve() as running:
        cache = tmp_path / "cache"
        values = {"HF_HUB_CACHE": cache, "ENDPOINT": running.url, "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True}
        values["HUGGINGFACE_CO_URL_TEMPLATE"] = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in values.items():
            monkeypatch.setattr(constants, name, str(value) if isinstance(value, Path) else value)
        variables = {"HF_ENDPOINT": running.url, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
        for name, text in {**variables, "HF_HUB_DISABLE_XET": "1"}.items():
            monkeypatch.setenv(name, text)
        yield running


def files_at(hub: FakeHub, name: str = "me/crf", revision: str = "main") -> dict[str, bytes]:
    """The files of a repository."""
    repo = hub.repos[name]
    return repo.commits[repo.at(revision)]


def push_error(done: Completed) -> str:
    """The message of a push that failed after listing its files."""
    assert done.err.count("coner: ") == 1
    return refusal(done._replace(err=done.err[done.err.index("coner: ") :]))


def test_pushed_model_gives_the_same_tags_in_another_process(hub: FakeHub, world: World, coner: Coner) -> None:
    run = world.model
    for stray in ("checkpoint.safetensors", "ledger.sqlite", "notes.pkl"):
        (run / stray).write_bytes(b"private")
    try:
        done = coner("push", run, "me/crf", "--license", "apache-2.0")
    finally:
        for stray in ("checkpoint.safetensors", "ledger.sqlite", "notes.pkl"):
            (run / stray).unlink()
    assert (done.code, done.out) == (0, f"{hub.url}/me/crf/commit/{hub.repos['me/crf'].branches['main']}\n")
    assert set(files_at(hub)) == UPLOADED  # not log.txt and tagged.dev.jsonl, which are in the folder
    assert all(name in done.err for name in UPLOADED)
    assert TOKEN not in done.out + done.err
    here = coner("tag", run, world.dev)
    child = subprocess.run(command("tag", "hf://me/crf", world.dev), capture_output=True, text=True, check=True)
    assert child.stdout == here.out
    assert here.out.count("B-") > 10


def test_pushed_files_contain_no_local_paths(hub: FakeHub, world: World, coner: Coner) -> None:
    assert coner("push", world.model, "me/crf").code == 0
    places = {str(world.train.parent), str(Path.home()), TOKEN}
    for name, content in files_at(hub).items():
        assert not [place for place in places if place.encode() in content and len(place) > 1], name
    assert json.loads(files_at(hub)["model.json"])["settings"]["data"]["train"] == world.train.name


@pytest.mark.parametrize(
    ("kind", "section", "name"),
    [("encoder", "train", "init"), ("encoder", "train", "tensorboard"), ("crf", "crf", "cluster_file")],
)
def test_missing_relative_paths_are_cut_to_their_last_part(
    world: World, out: Path, kind: str, section: str, name: str
) -> None:
    shutil.copytree(world.model, out / "run")
    manifest = json.loads((out / "run/model.json").read_text())
    encoder = {"encoder": {"name": "owner/name"}} if kind == "encoder" else {}
    manifest["settings"] = {"kind": kind, **encoder, section: {name: "clients/acme/x"}}
    (out / "run/model.json").write_text(json.dumps(manifest))
    sent = gather(out / "run", CardMetadata("me/crf"))["model.json"]
    assert isinstance(sent, bytes)
    settings = json.loads(sent)["settings"]
    assert settings[section][name] == "x"
    assert settings.get("encoder", {}).get("name", "owner/name") == "owner/name"


def test_pushed_card_equals_the_printed_one(hub: FakeHub, world: World, coner: Coner, out: Path) -> None:
    options = ("--license", "cc0-1.0", "--language", "en")
    assert coner("push", world.model, "me/crf", *options).code == 0
    printed = coner("card", world.model, *options, "--repo", "me/crf")
    assert coner("card", world.model, *options, "--repo", "me/crf", "-o", out / "README.md").out == ""
    assert files_at(hub)["README.md"].decode() == printed.out == (out / "README.md").read_text(encoding="utf-8")
    assert "no record" in refusal(coner("card", out))


def test_dry_run_lists_files_without_a_request(hub: FakeHub, world: World, coner: Coner) -> None:
    done = coner("push", world.model, "me/crf", "--dry-run")
    *lines, last = done.out.splitlines()
    assert {line.split()[1] for line in lines} == UPLOADED
    sizes = [int(line.split()[0].replace(",", "")) for line in [*lines, last]]
    assert sum(sizes[:-1]) == sizes[-1]
    assert (hub.requests, hub.repos) == ([], {})


def test_revisions_are_separate(hub: FakeHub, world: World, coner: Coner) -> None:
    assert coner("push", world.model, "me/crf", "--revision", "v1").code == 0
    assert (set(files_at(hub)), set(files_at(hub, revision="v1"))) == (set(), UPLOADED)
    folder = model_folder("hf://me/crf@v1")
    assert model_folder(f"hf://me/crf@{folder.name}") == folder  # the commit
    assert (folder.name, model_name(folder)) == (hub.repos["me/crf"].branches["v1"], "crf")
    assert "no such revision" in refusal(coner("tag", "hf://me/crf@v2", world.dev))
    assert "has no model.json; expected a model of coner" in refusal(coner("tag", "hf://me/crf", world.dev))


def test_a_manifest_beyond_the_bound_is_refused(hub: FakeHub, world: World, coner: Coner) -> None:
    assert coner("push", world.model, "me/crf").code == 0
    hub.repos["me/crf"].commit("main", {"model.json": b" " * (17 << 20)})
    assert "me/crf: model.json: cannot be read: got 17825792 bytes" in refusal(coner("tag", "hf://me/crf", world.dev))


def test_hub_names_work_in_every_command(hub: FakeHub, world: World, coner: Coner, out: Path) -> None:
    assert coner("push", world.model, "me/crf").code == 0
    local, pulled = (coner("evaluate", world.dev, model, "--json") for model in (world.model, "hf://me/crf"))
    assert (pulled.code, pulled.out) == (0, local.out)
    sentences = package.read(world.dev)
    found = package.load(world.model).tag(sentences)
    assert package.load("hf://me/crf").tag(sentences) == package.load(Path("hf://me/crf")).tag(sentences) == found
    assert coner("vote", "hf://me/crf", "--out", out / "vote").code == 0
    assert json.loads((out / "vote/model.json").read_text())["members"][0]["name"] == "crf"
    assert coner("push", out / "vote", "me/vote").code == 0  # a model within a model
    assert {"members/1/model.json", "members/1/weights.npz"} < set(files_at(hub, "me/vote"))
    assert package.load("hf://me/vote").tag(sentences)[0] == package.load(out / "vote").tag(sentences)[0]
    from coner.serving.settings import name_models

    assert list(name_models([model_folder("hf://me/crf")])) == ["crf"]


def test_only_named_files_are_downloaded_and_then_work_offline(
    hub: FakeHub, world: World, coner: Coner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert coner("push", world.model, "me/crf").code == 0
    hub.repos["me/crf"].commit("main", {"evil.pkl": b"x", "model.py": b"x", "tagged.dev.jsonl": b"x"})
    folder = model_folder("hf://me/crf")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*")} == UPLOADED
    from huggingface_hub import constants

    hub.requests.clear()
    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        assert model_folder("hf://me/crf") == folder
        assert "not in the cache" in refusal(coner("tag", "hf://me/other", world.dev))
        assert hub.requests == []
    for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):  # no server there
        monkeypatch.setattr(constants, name, getattr(constants, name).replace(hub.url, "http://127.0.0.1:9"))
    assert model_folder("hf://me/crf") == folder
    assert "cannot be reached" in refusal(coner("tag", "hf://me/other", world.dev))
    assert "cannot be reached" in push_error(coner("push", world.model, "me/other"))


@pytest.mark.parametrize("revision", ["", "commit"])
def test_interrupted_download_is_completed(
    hub: FakeHub, world: World, coner: Coner, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    assert coner("push", world.model, "me/crf").code == 0
    name = "hf://me/crf" + (f"@{hub.repos['me/crf'].branches['main']}" if revision else "")
    from huggingface_hub import constants, hf_hub_download

    folder = Path(hf_hub_download("me/crf", "model.json")).parent  # the first file of a download

    with monkeypatch.context() as offline:
        offline.setattr(constants, "HF_HUB_OFFLINE", True)
        assert "connect once to download it" in refusal(coner("tag", name, world.dev))
    assert model_folder(name) == folder
    assert coner("tag", name, world.dev).code == 0


@pytest.mark.parametrize("kind", ["llm", "hybrid"])
def test_hub_model_that_calls_an_endpoint_is_refused(hub: FakeHub, world: World, coner: Coner, kind: str) -> None:
    manifest = {"kind": kind, "format": 1, "labels": ["A"], "files": {}, "settings": {"llm": {"key_env": "MY_SECRET"}}}
    hub.repos["me/llm"] = Repo()
    hub.repos["me/llm"].commit("main", {"model.json": json.dumps(manifest).encode()})
    for line in (("tag", "hf://me/llm", world.dev), ("serve", "hf://me/llm"), ("vote", "hf://me/llm")):
        assert f"got a model of kind {kind}, which sends texts, and an API key" in refusal(coner(*line))


def test_unavailable_models_are_explained_in_one_line(
    hub: FakeHub, world: World, coner: Coner, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = json.dumps({"kind": "crf", "format": 1, "labels": ["A"], "files": {"x.pkl": {}}}).encode()
    hub.repos["me/gated"] = Repo(gated=True)
    for name, content in {"pickle": model, "bert": b'{"model_type": "bert"}', "list": b"[]"}.items():
        hub.repos[f"me/{name}"] = Repo()
        hub.repos[f"me/{name}"].commit("main", {"model.json": content, "x.pkl": b"boom"})
    hub.repos["me/private"] = Repo(private=True)
    messages = {
        "nope": "not found at",
        "gated": "the model is gated. Fix: ask for access",
        "pickle": "names 'x.pkl'; expected only files of type",
        "bert": "without kind, format and files; expected a model of coner",
        "list": "without kind, format and files; expected a model of coner",
    }
    for name, message in messages.items():
        assert message in refusal(coner("tag", f"hf://me/{name}", world.dev))
    assert not [request for request in hub.requests if request.endswith(".pkl")]
    monkeypatch.delenv("HF_TOKEN")
    assert "hf auth login" in refusal(coner("tag", "hf://me/private", world.dev))
    assert "hf auth login" in push_error(coner("push", world.model, "me/crf"))


def test_private_refuses_a_public_repository_before_sending(hub: FakeHub, world: World, coner: Coner) -> None:
    assert coner("push", world.model, "me/crf", "--private").code == 0
    assert hub.repos["me/crf"].private
    assert coner("push", world.model, "me/crf", "--private").code == 0  # again
    hub.repos["me/open"] = Repo()
    assert "me/open is public" in push_error(coner("push", world.model, "me/open", "--private"))
    assert files_at(hub, "me/open") == {}


def test_folder_without_a_run_is_not_pushed(hub: FakeHub, world: World, coner: Coner, out: Path) -> None:
    shutil.copytree(world.model, out / "run")
    (out / "run/record.json").unlink()
    assert "no record.json" in refusal(coner("push", out / "run", "me/crf"))
    (out / "run/weights.npz").write_bytes(b"damaged")
    assert "damaged" in refusal(coner("push", out / "run", "me/crf"))
    assert "expected the name of a repository" in refusal(coner("push", world.model, "crf"))
    assert "has a revision too" in refusal(coner("push", world.model, "me/crf@v1", "--revision", "v2"))
    assert hub.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://name",
        "hf://a/b/c",
        "hf://a/../b",
        "hf://a/b@",
        "hf://a/b@../x",
        "hf://a/b@-x",
        "hf:///a",
        "a b/c",
    ],
)
def test_invalid_repository_names_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="expected"):
        RepoRef.parse(text)


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/x.json", "a/../../x.json", "C:\\x.json", "..\\x.json", "x.py", "x"]
)
def test_files_outside_the_folder_or_of_other_types_are_refused(name: str) -> None:
    manifest = {"kind": "crf", "format": 1, "files": {name: {}}}
    with pytest.raises(ModelError, match="expected only files"):
        names_in(json.dumps(manifest).encode(), "hf://a/b", trusted=lambda kind: True)


def test_every_tokenizer_can_be_pushed(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from coner.hub.names import check_names
    from helpers.tiny import MAKERS

    for name in MAKERS:
        AutoTokenizer.from_pretrained(tiny_encoder(name)).save_pretrained(tmp_path / name)
        check_names((path.name for path in (tmp_path / name).iterdir()), name)


def test_hub_library_is_not_needed_for_a_folder() -> None:
    code = "import sys; from coner.families import model_folder; model_folder('runs/x'); "
    code += "print('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
