"""Training files with other labels: mapped to sets, without the sentences of dev; the faults of their maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.config.experiment import DataSettings, ExtraFile
from coner.core.errors import DataError
from coner.core.types import Region
from coner.data.extra import check_maps
from coner.data.splits import read_splits
from coner.records.recording import _describe

TRAIN = "bach B-Artist\nin O\nbasel B-City\n\nthe O\nrhine B-River\n\ndvořák B-Cleric\n"
OTHER = "in O\nsão B-LOC\npaulo I-LOC\n\nbasel B-LOC\n"
TAXONOMY = "[Person]\nArtist = ''\nCleric = ''\n[Place]\nRiver = ''\nCity = ''\n"


def settings(folder: Path, *maps: str, dev: str = "basel B-City\n") -> DataSettings:
    for name, text in (("train", TRAIN), ("other", OTHER), ("dev", dev)):
        (folder / f"{name}.conll").write_text(text, encoding="utf-8")
    (folder / "own.toml").write_text(TAXONOMY, encoding="utf-8")
    for number, text in enumerate(maps):
        (folder / f"{number}.toml").write_text(text, encoding="utf-8")
    extra = [ExtraFile(file=folder / "other.conll", map=str(folder / f"{n}.toml")) for n in range(len(maps))]
    files = {name: folder / f"{name}.conll" for name in ("train", "dev")}
    return DataSettings(**files, taxonomy=str(folder / "own.toml"), extra=tuple(extra))


def test_a_mapped_file_has_regions_and_loses_the_sentences_of_dev(tmp_path: Path) -> None:
    splits, _ = read_splits(settings(tmp_path, '[labels]\nLOC = ["Place"]\n'))
    [extra] = splits["train"].extras
    [sentence] = extra.corpus
    assert extra.left_out == (1,)
    assert sentence.regions == (Region(1, 3, frozenset(["River", "City"]), whole=True),)
    assert all(s.regions is None for s in splits["train"].corpus)
    assert _describe(splits["train"])["extra"][0]["mentions"] == 1


def test_the_hash_depends_on_what_the_map_says(tmp_path: Path) -> None:
    texts = ('[labels]\nLOC = ["Place"]\n', '# the same\n[labels]\nLOC = ["City", "River"]', '[labels]\nLOC = ["City"]')
    one, two, three = (read_splits(settings(tmp_path, text))[0]["train"].extras[0].sha256 for text in texts)
    assert one == two != three


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (
            ['[labels]\nLOC = ["City"]', '[labels]\nLOC = ["River"]'],
            "got two maps, .*0.toml:1 and .*1.toml:1; expected one",
        ),
        (['[labels]\nLOC = ["Town"]'], "0.toml:2: labels.LOC: got 'Town', which taxonomy own lacks"),
        (['[labels]\nPER = ["Person"]'], r"0.toml:1: got no entry for label 'LOC' of .*other.conll:\d"),
        (["[labels]\nLOC = []"], "0.toml:1: got no fine label for any label of .*other.conll: LOC"),
    ],
)
def test_faults_of_maps_are_one_line(tmp_path: Path, maps: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_splits(settings(tmp_path, *maps))
    assert "\n" not in str(caught.value)


def test_one_map_by_two_paths_is_one(tmp_path: Path) -> None:
    (tmp_path / "file.conll").write_text("a O\n")
    (tmp_path / "m.toml").write_text("[labels]\n")
    (tmp_path / "other").mkdir()
    names = [str(tmp_path / "m.toml"), f"{tmp_path}/other/../m.toml"]
    check_maps([ExtraFile(file=tmp_path / "file.conll", map=name) for name in names])
    check_maps([ExtraFile(file=tmp_path / "file.conll", map="wnut17")] * 2)
    (tmp_path / "wnut17").write_text('[labels]\nX = ["Artist"]\n')
    with pytest.raises(DataError, match="got two maps"):
        check_maps([ExtraFile(file=tmp_path / "file.conll", map=name) for name in ("wnut17", f"{tmp_path}/wnut17")])


def test_labels_that_need_a_map_are_an_error_that_says_so(tmp_path: Path) -> None:
    data = settings(tmp_path)
    further = data.model_copy(update={"extra": (ExtraFile(file=tmp_path / "other.conll"),)})
    with pytest.raises(DataError, match=r"other.conll:1: got label 'LOC', which taxonomy own lacks.* map = "):
        read_splits(further)
