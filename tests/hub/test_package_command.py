"""A model as a wheel: built by the command, installed by pip, found by its name in other processes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename

import coner as package
from coner.cli.app import run
from coner.core.errors import ModelError
from coner.families import model_folder
from coner.hub import model_name
from helpers.shell import Completed, World, process, refusal

Coner = Callable[..., Completed]
FILES = {"README.md", "model.json", "record.json", "weights.npz", "features.json", "lexicon.json"}
METADATA = {"METADATA", "WHEEL", "RECORD", "coner.json"}


@pytest.fixture(scope="module")
def wheel(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the small CRF."""
    out = tmp_path_factory.mktemp("wheel") / "new" / "dist"
    named = ["--name", "acme-ner", "--version", "1.0", "--licence", "apache-2.0", "--language", "en"]
    assert run(["package", str(world.model), *named, "--out", str(out)]) == 0
    return out / "acme_ner-1.0-py3-none-any.whl"


def pip_install(wheel: Path, site: Path) -> None:
    """Install without dependencies and without an index, in a process of its own."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile", "--target", site]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, wheel], check=True)


@pytest.fixture(scope="module")
def pristine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("pip") / "site"
    pip_install(wheel, site)
    return site


@pytest.fixture
def site(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what pip installed, on the path of this process and of its children; the working folder is empty."""
    site = tmp_path / "site"
    shutil.copytree(pristine, site)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return site


def test_metadata_is_valid_for_another_library(wheel: Path) -> None:
    name, version, build, tags = parse_wheel_filename(wheel.name)
    assert (name, str(version), build, [str(tag) for tag in tags]) == ("acme-ner", "1.0", (), ["py3-none-any"])
    with ZipFile(wheel) as archive:
        metadata = Metadata.from_email(archive.read("acme_ner-1.0.dist-info/METADATA"), validate=True)
        card = archive.read("acme_ner/README.md").decode()
    assert (metadata.name, str(metadata.version), metadata.license_expression) == ("acme-ner", "1.0", "Apache-2.0")
    assert [str(r) for r in metadata.requires_dist or ()] == [f"coner>={package.__version__}"]
    assert metadata.description_content_type == "text/markdown"
    assert (metadata.description or "").startswith("# acme-ner\n")
    assert card.endswith(metadata.description or "?")
    assert 'license: "apache-2.0"' in card
    assert 'coner.load("acme-ner")' in card


def test_wheel_holds_the_published_files_and_no_code(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        times = {entry.date_time for entry in archive.infolist()}
    expected = [f"acme_ner/{name}" for name in sorted(FILES)]
    assert names[: len(FILES)] == expected
    assert set(names[len(FILES) :]) == {f"acme_ner-1.0.dist-info/{name}" for name in METADATA}
    assert names[-1] == "acme_ner-1.0.dist-info/RECORD"
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_record_has_the_size_and_hash_of_every_file(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("acme_ner-1.0.dist-info/RECORD").decode())))
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, _, _ in rows] == list(contents)
    for name, digest, size in rows[:-1]:
        expected = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).rstrip(b"=").decode()
        assert (digest, int(size)) == (f"sha256={expected}", len(contents[name]))
    assert rows[-1][1:] == ["", ""]


def test_equal_input_gives_equal_bytes_in_another_process(wheel: Path, world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(world.model, copy)
    for path in copy.iterdir():
        path.chmod(0o600)
        os.utime(path, (1, 1))
    named = ("--name", "acme-ner", "--version", "1.0", "--license", "apache-2.0", "--language", "en")
    done = process("package", copy, *named, "--out", tmp_path)
    assert done.out == f"{tmp_path / wheel.name}\n"
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_json_describes_the_wheel(world: World, coner: Coner, out: Path) -> None:
    named = ("--name", "Acme.NER", "--version", "v1.0-beta", "--license", "mit or apache-2.0")
    values = json.loads(coner("package", world.model, *named, "--out", out, "--json").out)
    (path,) = out.iterdir()
    assert (values["wheel"], path.name) == (str(path), "acme_ner-1.0b0-py3-none-any.whl")
    assert (values["name"], values["version"], values["license"]) == ("Acme.NER", "1.0b0", "MIT OR Apache-2.0")
    content = path.read_bytes()
    assert (values["bytes"], values["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    with ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    assert values["files"] == {name: size for name, size in sizes.items() if not name.endswith("RECORD")}


def test_installed_model_gives_the_output_of_its_folder(world: World, site: Path, coner: Coner) -> None:
    assert not [path for path in site.rglob("*") if path.suffix in (".py", ".pth", ".pyc")]
    here = coner("tag", world.model, world.dev)
    for name in ("acme-ner", "Acme_NER"):
        done = process("tag", name, world.dev)
        assert (done.code, done.out) == (0, here.out)
    text = b"a film was shot in new york by nina simone\n"
    tagged = [process("tag", name, "-", "--from", "text", stdin=text) for name in ("acme-ner", str(world.model))]
    assert tagged[0].out == tagged[1].out
    assert tagged[0].code == 0
    scores = [coner("evaluate", world.dev, model, "--json").out for model in (world.model, "acme-ner")]
    assert scores[0] == scores[1]
    sentences = package.read(world.dev)
    assert package.load("acme-ner").tag(sentences) == package.load(world.model).tag(sentences)


def test_service_names_an_installed_model_after_its_package(site: Path) -> None:
    from coner.serving.settings import name_models

    assert name_models([model_folder("acme-ner")]) == {"acme-ner": site / "acme_ner"}
    shutil.rmtree(site / "acme_ner-1.0.dist-info")
    assert model_name(site / "acme_ner") == "acme_ner"


def test_spacy_component_opens_an_installed_model(world: World, site: Path, tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    import coner.integrations.spacy  # registers the component where the installed entry points are older

    assert coner.integrations.spacy.make
    texts = [" ".join(sentence.words) for sentence in package.read(world.dev)]
    found = []
    for model in ("acme-ner", str(world.model)):
        nlp = spacy.blank("en")
        assert nlp.add_pipe("coner", config={"model": model}).labels
        found.append([(ent.text, ent.label_) for doc in nlp.pipe(texts) for ent in doc.ents])
        nlp.to_disk(tmp_path / "pipeline")
    assert found[0] == found[1] != []


def test_folder_wins_over_a_package(world: World, site: Path) -> None:
    assert model_folder("acme-ner") == site / "acme_ner"
    shutil.copytree(world.model, "acme-ner")
    assert model_folder("acme-ner") == Path("acme-ner")
    shutil.rmtree("acme-ner")
    Path("acme-ner").mkdir()
    with pytest.raises(ModelError, match=r"acme-ner: got no model.json"):
        package.load("acme-ner")


def test_unknown_name_suggests_folders_and_packages(world: World, site: Path, coner: Coner) -> None:
    message = refusal(coner("tag", "acme-nre", world.dev))
    assert "acme-nre: does not exist; expected the folder of a trained model, or an installed package" in message
    assert "did you mean acme-ner?" in message
    shutil.copytree(world.model, "acme-nr")
    assert "did you mean acme-nr or acme-ner?" in refusal(coner("evaluate", world.dev, "acme-nre"))
    assert "coner models lists such packages" in refusal(coner("serve", "zzz"))
    assert "expected the folder" in refusal(coner("tag", "numpy", world.dev))  # installed, but no model
    assert "nothing.conll: no such file" in refusal(coner("evaluate", world.dev, "nothing.conll"))


def test_models_lists_what_is_installed(world: World, site: Path, coner: Coner) -> None:
    dev = json.loads((world.model / "record.json").read_text())["scores"]["dev"]["fine"]
    (listed,) = json.loads(coner("models", "--json").out)
    assert (listed["name"], listed["version"], listed["kind"], listed["split"]) == ("acme-ner", "1.0", "crf", "dev")
    assert (listed["micro_f1"], listed["macro_f1"]) == (dev["micro_f1"], dev["macro_f1"])
    assert f"{dev['macro_f1']:.3f}" in coner("models").out
    (site / "acme_ner/weights.npz").write_bytes(b"no")
    done = coner("models")
    assert (done.code, done.out) == (0, "")
    assert "acme-ner 1.0 cannot be used" in done.err
    shutil.rmtree(site)
    assert "no package with a model is installed" in coner("models").err


def _outside(site: Path) -> None:
    (site / "acme_ner").rename(site.parent / "elsewhere")
    (site / "acme_ner").symlink_to(site.parent / "elsewhere")


def _linked_file(site: Path) -> None:
    (site / "acme_ner/weights.npz").rename(site.parent / "weights.npz")
    (site / "acme_ner/weights.npz").symlink_to(site.parent / "weights.npz")


def _manifest(**values: object) -> Callable[[Path], None]:
    def change(site: Path) -> None:
        path = site / "acme_ner/model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def _marker(content: bytes) -> Callable[[Path], None]:
    return lambda site: (site / "acme_ner-1.0.dist-info/coner.json").write_bytes(content) and None


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder elsewhere": (_outside, "is a symbolic link"),
    "file elsewhere": (_linked_file, "weights.npz: is a symbolic link"),
    "no folder": (lambda site: shutil.rmtree(site / "acme_ner"), "has no folder"),
    "no manifest": (lambda site: (site / "acme_ner/model.json").unlink(), "got no model.json"),
    "marker: not JSON": (_marker(b"\xff{"), "damaged coner.json"),
    "marker: a list": (_marker(b"[1]"), "damaged coner.json"),
    "marker: text for a number": (_marker(b'{"format": "1"}'), "damaged coner.json"),
    "marker: newer": (_marker(b'{"format": 2}'), "got format 2; expected at most 1. Fix: update coner"),
    "path outside": (_manifest(files={"../x.json": {}}), "expected only files inside the model folder"),
    "pickle": (_manifest(files={"x.pkl": {}}), "expected only files of type"),
    "endpoint": (_manifest(kind="llm"), "which sends texts, and an API key of this machine"),
    "damaged": (lambda site: (site / "acme_ner/weights.npz").write_bytes(b"x"), "damaged or truncated: got 1 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_or_damaged_package_is_refused(case: str, world: World, site: Path, coner: Coner) -> None:
    change, message = HOSTILE[case]
    change(site)
    assert message in refusal(coner("tag", "acme-ner", world.dev))


def test_marker_cannot_point_elsewhere(world: World, site: Path) -> None:
    shutil.copytree(world.model, site / "other")
    _marker(b'{"format": 1, "folder": "../other", "path": "other"}')(site)
    assert model_folder("acme-ner") == site / "acme_ner"


def test_member_that_calls_an_endpoint_is_refused(world: World, site: Path, coner: Coner) -> None:
    member = site / "acme_ner/members/1"
    member.mkdir(parents=True)
    (member / "model.json").write_text('{"kind": "llm", "format": 1, "files": {}}')
    assert "got a model of kind llm" in refusal(coner("tag", "acme-ner", world.dev))


def test_package_in_a_zip_file_is_refused(wheel: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(wheel))
    with pytest.raises(ModelError, match="acme-ner: is in a zip file; expected an installed package"):
        package.load("acme-ner")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "-a", "a-", "a b", "a\n", "é", "\u212aa", "json", "numpy", "Coner"]
)
def test_wrong_names_of_packages_are_refused(name: str, world: World, coner: Coner, out: Path) -> None:
    message = refusal(coner("package", world.model, f"--name={name}", "--version", "1", "--out", out / "dist"))
    assert "--name: got" in message
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "one"], "--version: got 'one'; expected a version by PEP 440"),
        (["--version", "1/../2"], "--version: got"),
        (["--version", "1", "--license", "free"], "--license: got 'free'; expected an SPDX expression"),
        (["--version", "1", "--out", "FILE"], "cannot be written"),
        ([], "Missing option '--version'"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], message: str, world: World, coner: Coner, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    arguments = [str(tmp_path / "file") if argument == "FILE" else argument for argument in arguments]
    assert message in refusal(coner("package", world.model, "--name", "acme-ner", *arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def _without_record(folder: Path) -> None:
    (folder / "record.json").unlink()


def _of_kind_llm(folder: Path) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "llm"}))


def _with_a_link(folder: Path) -> None:
    (folder / "weights.npz").rename(folder.parent / "weights.npz")
    (folder / "weights.npz").symlink_to(folder.parent / "weights.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_record, "got no record.json; expected a finished run"),
        (_of_kind_llm, "its endpoint and its examples must not be published"),
        (_with_a_link, "weights.npz: is a symbolic link; expected a file"),
        (lambda folder: (folder / "weights.npz").write_bytes(b"x"), "damaged or truncated"),
        (shutil.rmtree, "does not exist; expected the folder of a trained model"),
        (lambda folder: (folder / "model.json").write_bytes(b""), "damaged: not a valid JSON object"),
    ],
)
def test_wrong_runs_are_refused(
    change: Callable[[Path], object], message: str, world: World, coner: Coner, tmp_path: Path
) -> None:
    shutil.copytree(world.model, tmp_path / "run")
    change(tmp_path / "run")
    named = ("--name", "acme-ner", "--version", "1.0", "--out", tmp_path / "dist")
    assert message in refusal(coner("package", tmp_path / "run", *named))
    assert not (tmp_path / "dist").exists()


def test_interrupted_build_leaves_no_wheel(
    world: World, coner: Coner, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coner.report import package as builder

    chunks = builder._chunks

    def interrupted(content: object) -> Iterator[bytes]:
        yield from chunks(content)  # type: ignore[arg-type]
        if isinstance(content, Path):
            raise KeyboardInterrupt

    monkeypatch.setattr(builder, "_chunks", interrupted)
    done = coner("package", world.model, "--name", "acme-ner", "--version", "1.0", "--out", out)
    assert (done.code, list(out.iterdir())) == (130, [])


def test_file_that_changes_while_it_is_read_is_an_error(
    world: World, coner: Coner, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coner.report import package as builder

    chunks = builder._chunks
    monkeypatch.setattr(builder, "_chunks", lambda content: (chunk[::-1] for chunk in chunks(content)))
    named = ("--name", "acme-ner", "--version", "1.0", "--out", out)
    assert "has changed while it was read" in refusal(coner("package", world.model, *named))
    assert not list(out.iterdir())


def test_wheel_too_large_for_pypi_gets_a_note(
    world: World, coner: Coner, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coner.report.package.PYPI_LIMIT", 1000)
    done = coner("package", world.model, "--name", "acme-ner", "--version", "1.0", "--out", out)
    assert done.code == 0
    assert "Note: PyPI accepts files of up to" in done.err


def test_vote_is_packaged_with_its_members(
    world: World, coner: Coner, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert coner("vote", world.model, "--dev", world.dev, "--out", out / "vote").code == 0
    named = ("--name", "acme.vote", "--version", "2.0rc1", "--out", out)
    done = coner("package", out / "vote", *named, "--json")
    assert json.loads(done.out)["requires"] == f"coner>={package.__version__}"  # only a CRF is in it
    pip_install(out / "acme_vote-2.0rc1-py3-none-any.whl", out / "site")
    monkeypatch.syspath_prepend(str(out / "site"))
    sentences = package.read(world.dev)
    assert package.load("acme.vote").tag(sentences) == package.load(out / "vote").tag(sentences)


def test_threshold_leaves_an_installed_package_alone(world: World, site: Path, coner: Coner, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    for arguments in (("--dev", world.dev), ("--clear",)):
        message = refusal(coner("threshold", "acme-ner", *arguments))
        folder = site / "acme_ner"
        expected = f"expected a folder of your own. Fix: cp -rL {folder} FOLDER, and use FOLDER"
        assert f"{folder}: is in the installed package acme-ner; {expected}" in message
    assert "neither calibrated" in coner("threshold", "acme-ner").out
    shown = coner("threshold", "acme-ner", "--dev", world.dev, "--show", "--calibrate", "none")
    assert shown.code == 0, shown.err
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    shutil.copytree(site / "acme_ner", tmp_path / "own")  # what the message says
    assert coner("threshold", tmp_path / "own", "--dev", world.dev, "--calibrate", "temperature").code == 0


def test_requirement_has_the_extras_of_all_members() -> None:
    from coner.report.package import _extras

    def kind(name: str) -> bytes:
        return json.dumps({"kind": name}).encode()

    assert _extras({"model.json": kind("crf")}) == ""
    assert _extras({"model.json": kind("span")}) == "[encoder]"
    members = {"members/1/model.json": kind("onnx"), "members/2/model.json": kind("encoder")}
    assert _extras({"model.json": kind("vote"), **members}) == "[encoder,onnx]"
    nested = {"members/1/model.json": kind("vote"), "members/1/members/1/model.json": kind("crf")}
    assert _extras({"model.json": kind("vote"), **nested}) == ""
