"""Building: resuming, refusing, describing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from coner.core.errors import ConfigError, DataError, ModelError, OutputError
from coner.knowledge import dump as dumps
from coner.knowledge import source
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.source import SourceSettings
from coner.knowledge.store import Store
from helpers.names import TABLE, dump, item, knowledge

REPAIR = SourceSettings(reading={"repair": True, "scheme": "iob2"})


def content(folder: Path) -> tuple[list[str], object]:
    """All rows of the database, and the description without hashes: pages of a file may be laid out differently."""
    with sqlite3.connect(folder / "entries.sqlite") as database:
        rows = list(database.iterdump())
    database.close()
    description = json.loads((folder / "kb.json").read_text())
    return rows, {key: value for key, value in description.items() if key != "files"}


@pytest.mark.parametrize("step", ["index", "mark_indexed", "finish", "close"])
def test_a_build_that_is_stopped_at_its_end_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "a.conll").write_text("Jazz I-Music\n")  # one repair, which is counted once
    files, settings = [tmp_path / "a.conll", tmp_path / "t.csv"], BuildSettings(source=REPAIR)
    build(files, tmp_path / "whole", settings)

    def stop(store: Store, *_: object) -> None:
        store.database.close()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, step, stop)
        with pytest.raises((KeyboardInterrupt, sqlite3.ProgrammingError, OutputError)):
            build(files, tmp_path / "parts", settings)
    build(files, tmp_path / "parts", settings)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


@pytest.mark.parametrize("stop", [1, 2, 4])
def test_an_interrupted_build_resumes_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr(dumps, "LINES", 3)
    monkeypatch.setattr(source, "BATCH", 2)
    items = [item(f"Q{n}", {"en": f"Name {n % 7}"}, types=[f"Q{n % 3}"], links=n) for n in range(10)]
    (tmp_path / "w.json").write_text(dump([*items, "{broken"]))
    (tmp_path / "t.csv").write_text(TABLE)
    files, settings = [tmp_path / "w.json", tmp_path / "t.csv"], BuildSettings(processes=1)
    build(files, tmp_path / "whole", settings)
    original, calls = Store.save, 0

    def save(self: Store, number: int, progress: object) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        original(self, number, progress)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", save)
        with pytest.raises(KeyboardInterrupt):
            build(files, tmp_path / "parts", settings)
    assert not (tmp_path / "parts/kb.json").exists()
    build(files, tmp_path / "parts", settings)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")
    for name in ("entries.sqlite", "kb.json"):  # the hashes too
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["entries.sqlite", "kb.json", "names.marisa"]


def test_an_unfinished_build_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "drop", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build([tmp_path / "t.csv"], tmp_path / "kb", BuildSettings())
    with pytest.raises(ConfigError, match="contains an unfinished build of other files or settings"):
        build([tmp_path / "t.csv"], tmp_path / "kb", BuildSettings(source=SourceSettings(minimum_prior=1)))


def test_a_folder_with_a_knowledge_base_is_not_overwritten(tmp_path: Path) -> None:
    knowledge(tmp_path)
    with pytest.raises(OutputError, match="already contains a knowledge base"):
        build([tmp_path / "table.csv"], tmp_path / "kb", BuildSettings())
    with pytest.raises(ConfigError, match="got a file twice"):
        build([tmp_path / "table.csv"] * 2, tmp_path / "other", BuildSettings())


def test_the_description_has_counts_and_hashes(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, licence="CC0-1.0")
    found = kb.description
    assert (found.names, found.entries, found.types, found.untyped, found.longest) == (6, 5, 6, 0, 4)
    [table] = found.sources
    assert (table.file, table.format, table.entries, table.licence) == ("table.csv", "table", 5, "CC0-1.0")
    for name, file in found.files.items():
        data = (tmp_path / "kb" / name).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_only_wanted_types_and_priors_are_kept(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, source=SourceSettings(types=("Artist", "Band"), minimum_prior=100))
    assert kb.description.dropped == {"with a lower prior": 4}
    assert [c.name for c in kb.lookup("davis")] == ["Miles Davis"]
    assert not kb.lookup("sigur ros")
    other = knowledge(tmp_path / "b", source=SourceSettings(types=("Band", "Unknown")))
    assert other.description.dropped == {"of another type": 4}
    with pytest.raises(DataError, match="got no name to keep \\(5 of another type\\)"):
        knowledge(tmp_path / "c", source=SourceSettings(types=("Bnad",)))


def test_names_of_nothing_but_punctuation_are_counted(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, "name,types\n!!!,Band\nA,Band\n")
    assert kb.description.sources[0].skipped == {"too long as a name, or without a letter": 1}
    assert kb.description.dropped == {"without a name": 1}
    assert kb.match(["!", "!!!"]) == []


def damaged(folder: Path, how: str) -> None:
    description = json.loads((folder / "kb.json").read_text())
    if how == "view":
        with sqlite3.connect(folder / "entries.sqlite") as database:
            database.executescript("CREATE VIEW names AS SELECT 1")
        database.close()
        description["files"]["entries.sqlite"]["bytes"] = (folder / "entries.sqlite").stat().st_size
    elif how == "cut":
        path = folder / "names.marisa"
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "no trie":
        (folder / "names.marisa").write_bytes(b"x" * description["files"]["names.marisa"]["bytes"])
    elif how == "other names":
        description["names"] += 1
    elif how == "version":
        description["format"] = 1
    elif how == "no file":
        del description["files"]["names.marisa"]
    elif how == "no description":
        (folder / "kb.json").unlink()
        return
    (folder / "kb.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("view", "its tables are not those of a knowledge base"),
        ("cut", r"names\.marisa: is missing or damaged"),
        ("no trie", "is damaged"),
        ("other names", "got 6 names; expected 7"),
        ("version", r"format: got \d+; expected 2 or 3\. Fix: update coner"),
        ("no file", r"files: got entries\.sqlite; expected"),
        ("no description", r"is not a knowledge base: it has no kb\.json"),
    ],
)
def test_a_damaged_or_foreign_folder_is_refused(tmp_path: Path, how: str, message: str) -> None:
    knowledge(tmp_path)
    shutil.copytree(tmp_path / "kb", tmp_path / "other")
    damaged(tmp_path / "other", how)
    with pytest.raises(ModelError, match=message):
        FolderKnowledge(tmp_path / "other")


def test_two_builds_on_different_days_are_the_same_knowledge_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return cls(2031, 1, 2, tzinfo=tz)

    first = knowledge(tmp_path / "a", licence="CC0-1.0")
    monkeypatch.setattr("coner.knowledge.build.datetime", Later)
    second = knowledge(tmp_path / "b", licence="MIT")
    assert second.description.created == "2031-01-02" != first.description.created
    assert second.hash == first.hash
    others = [knowledge(tmp_path / "c", TABLE.replace("120", "121")), knowledge(tmp_path / "d", simulated=True)]
    assert len({first.hash, *(other.hash for other in others)}) == 3


def test_a_knowledge_base_of_the_format_before_keeps_its_hash(tmp_path: Path) -> None:
    path = knowledge(tmp_path).folder / "kb.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 2'))
    assert FolderKnowledge(tmp_path / "kb").hash == hashlib.sha256(path.read_bytes()).hexdigest()
    damping = '"damping": {"file": "train.conll", "sha256": "' + "a" * 64 + '", "names": 1}'
    path.write_text(path.read_text().replace('"damping": null', damping))
    with pytest.raises(ModelError, match="lacks the sentences by which its names are down-weighted"):
        FolderKnowledge(tmp_path / "kb")


@pytest.mark.skipif(os.name != "posix", reason="names of files are text")
def test_a_source_whose_name_is_not_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.csv")
    path.write_text(TABLE)
    build([path], tmp_path / "kb", BuildSettings())
    assert FolderKnowledge(tmp_path / "kb").description.sources[0].file == r"a\udcff.csv"
    assert FolderKnowledge(tmp_path / "kb").lookup("davis")[0].source == r"a\udcff.csv"


@pytest.mark.parametrize("name", ["names.marisa", "entries.sqlite", "kb.json"])
def test_a_build_that_is_stopped_while_it_moves_its_files_is_finished_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected, table, out = knowledge(tmp_path).hash, tmp_path / "table.csv", tmp_path / "stopped"
    replace_file = Path.replace

    def stop(path: Path, target: Path) -> Path:
        if path.name == name and path.parent.name == ".build" and target.parent == out:
            raise KeyboardInterrupt
        return replace_file(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", stop)
        build([table], out, BuildSettings())
    build([table], out, BuildSettings())
    assert FolderKnowledge(out, check=True).hash == expected
    assert {path.name for path in out.iterdir()} == {path.name for path in (tmp_path / "kb").iterdir()}
