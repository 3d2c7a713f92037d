"""Taxonomies: built-in, from a file, and flat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.data.label_map import load_map
from coner.data.taxonomy import Taxonomy, builtin_taxonomies, choose_taxonomy, load_taxonomy

# Coarse to fine, as the task's paper has them.
MULTICONER2 = {
    "Location": {"Facility", "OtherLOC", "HumanSettlement", "Station"},
    "CreativeWork": {"VisualWork", "MusicalWork", "WrittenWork", "ArtWork", "Software"},
    "Group": {
        "MusicalGRP",
        "PublicCorp",
        "PrivateCorp",
        "AerospaceManufacturer",
        "SportsGRP",
        "CarManufacturer",
        "ORG",
    },
    "Person": {"Scientist", "Artist", "Athlete", "Politician", "Cleric", "SportsManager", "OtherPER"},
    "Product": {"Clothing", "Vehicle", "Food", "Drink", "OtherPROD"},
    "Medical": {"Medication/Vaccine", "MedicalProcedure", "AnatomicalStructure", "Symptom", "Disease"},
}


def test_multiconer2_has_33_classes_in_six_groups() -> None:
    taxonomy = load_taxonomy("multiconer2")
    assert {coarse: set(classes) for coarse, classes in taxonomy.groups.items()} == MULTICONER2
    assert len(taxonomy.labels) == 33
    for coarse, classes in MULTICONER2.items():
        assert {taxonomy.coarse_of(label) for label in classes} == {coarse}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("conll2003", {"PER", "LOC", "ORG", "MISC"}),
        ("wnut17", {"corporation", "creative-work", "group", "location", "person", "product"}),
    ],
)
def test_the_other_builtin_taxonomies_have_their_labels(name: str, labels: set[str]) -> None:
    assert set(load_taxonomy(name).labels) == labels


@pytest.mark.parametrize("name", builtin_taxonomies())
def test_builtin_taxonomies_define_each_class_and_round_trip(name: str) -> None:
    taxonomy = load_taxonomy(name)
    assert taxonomy.name == name
    assert all(text.strip() for classes in taxonomy.groups.values() for text in classes.values())
    again = Taxonomy.from_dict(taxonomy.as_dict())
    assert again == taxonomy
    assert (again.labels, again.coarse_labels) == (taxonomy.labels, taxonomy.coarse_labels)


def test_a_file_keeps_its_order_and_is_named_by_its_stem(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[B]\ny = "one"\nx = "two"\n[A]\n"p/q" = ""\n', encoding="utf-8")
    taxonomy = load_taxonomy(str(path))
    assert (taxonomy.name, taxonomy.labels, taxonomy.coarse_labels) == ("mine", ("y", "x", "p/q"), ("B", "A"))
    assert taxonomy.coarse_of("p/q") == "A"
    path.write_text('name = "other"\n[B]\ny = "one"\n', encoding="utf-8")
    assert load_taxonomy(str(path)).name == "other"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[A", "not valid TOML"),
        (b"", "got no classes; expected a section"),
        (b'name = "x"', "got no classes; expected a section"),
        (b'A = "x"', "A: expected a section"),
        (b"[A]\nx = 1", "A: expected a section"),
        (b'[A]\n"" = "x"', "A: expected a section"),
        (b'[name]\nPerson = "x"\n[Thing]\nTool = ""', "name: expected text in quotes; no group can be called"),
        (b'name = 3\n[A]\nx = ""', "name: expected text in quotes"),
        (b'[A]\nx = "a"\n[B]\nx = "b"', r"B\.x: got a class of another group"),
        (b"[A]\nx = '\xff'", "cannot be read as a taxonomy"),
    ],
)
def test_a_faulty_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.toml: {message}") as caught:
        load_taxonomy(str(tmp_path / "bad.toml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_huge_or_a_pipe_is_one_line_at_once(tmp_path: Path) -> None:
    (tmp_path / "huge.toml").write_bytes(b"[A]\nx = '" + b"y" * (1 << 24) + b"'")
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("huge", "pipe"):
        for load in (load_taxonomy, load_map):
            with pytest.raises(DataError, match=rf"{name}\.toml: cannot be read as a (taxonomy|label map): "):
                load(str(tmp_path / f"{name}.toml"))


def test_an_unknown_name_gives_the_list(tmp_path: Path) -> None:
    for name in ("multiconer", str(tmp_path)):
        with pytest.raises(DataError, match="expected one of: conll2003, multiconer2, wnut17, or the path"):
            load_taxonomy(name)


def test_auto_chooses_a_builtin_taxonomy_with_every_label_else_a_flat_one() -> None:
    assert choose_taxonomy("auto", ["PER", "LOC"]).name == "conll2003"
    assert choose_taxonomy("auto", ["ORG", "Artist"]).name == "multiconer2"
    flat = choose_taxonomy("auto", ["person", "b", "a", "b"])
    assert (flat.name, flat.labels, flat.coarse_labels) == ("flat", ("a", "b", "person"), ("a", "b", "person"))
    assert choose_taxonomy("auto", []).labels == ()
    assert choose_taxonomy("wnut17", ["PER"]).name == "wnut17"


def test_an_unknown_label_has_no_group() -> None:
    with pytest.raises(KeyError, match="Artst"):
        load_taxonomy("multiconer2").coarse_of("Artst")
