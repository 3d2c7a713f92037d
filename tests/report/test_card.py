"""Model cards: read back by the hub's own reader; every figure is the record's, and nothing is claimed beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coner.data.taxonomy import Taxonomy
from coner.records.record import Record
from coner.report.card import Told, model_card
from coner.report.card_tables import changed
from helpers import ROOT
from helpers.records import NOTHING, PERFECT, POOR, fake_record

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"City": "", "River": ""}})
TOLD = Told("me/tagger", "apache-2.0", ("en", "de"), ("me/data",))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return fake_record(POOR, folder=tmp_path, parts=("dev", "test"))


def front(text: str) -> dict[str, object]:
    """The front matter, by a YAML reader."""
    yaml = pytest.importorskip("yaml")
    values: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return values


def test_the_hub_reads_the_figures_as_they_are(record: Record) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(model_card(record, TAXONOMY, TOLD)).data
    assert (data.license, data.language, data.datasets) == ("apache-2.0", ["en", "de"], ["me/data"])
    assert (data.library_name, data.pipeline_tag, data.model_name) == ("coner", "token-classification", "tagger")
    read = {(r.dataset_split, r.metric_name): r.metric_value for r in data.eval_results}
    for part, scores in record.scores.items():
        assert read[part, "Macro F1"] == pytest.approx(scores["fine"]["macro_f1"], abs=5e-5)
        assert read[part, "Micro F1"] == pytest.approx(scores["fine"]["micro_f1"], abs=5e-5)
        assert read[part, "Macro F1, coarse groups"] == pytest.approx(scores["coarse"]["macro_f1"], abs=5e-5)
        assert read[part, "Span F1, labels aside"] == pytest.approx(scores["span"]["f1"], abs=5e-5)
        assert read[part, "Micro recall"] == pytest.approx(scores["fine"]["recall"], abs=5e-5)
    assert len(read) == 12


def test_what_nobody_told_is_not_claimed(record: Record) -> None:
    text = model_card(record, TAXONOMY)
    assert not {"license", "language", "datasets", "base_model"} & set(front(text))
    assert "does not say where the files are from" in text
    assert "hf://" not in text


def test_tables_hold_the_figures_and_the_files(record: Record) -> None:
    text = model_card(record, TAXONOMY, TOLD)
    low, high = record.scores["test"]["intervals"]["macro_f1"]
    assert f"| {record.scores['test']['fine']['macro_f1']:.3f} [{low:.3f}, {high:.3f}] |" in text
    for part in ("train", "dev", "test"):
        assert re.search(rf"\| {part} \| `{part}\.conll` \| `d{{64}}` \| 12 \| 28 \| 12 \|", text), text
    assert "secret" not in text  # the folder that the files were in
    rows = re.findall(r"^\| (\w+) \| (\w+) \| ([\d.]+) \|.*\| (\d+) \|$", text, re.MULTILINE)
    classes = record.scores["test"]["fine"]["classes"]
    assert [(row[0], int(row[3])) for row in rows] == [
        (label, classes[label]["support"]) for label in sorted(classes, key=lambda name: -classes[name]["f1"])
    ]
    assert 'coner.load("hf://me/tagger")' in text


def test_what_it_is_bad_at_is_said(tmp_path: Path, record: Record) -> None:
    text = model_card(record, TAXONOMY).partition("## What it is not good for")[2]
    assert re.search(r"Weak classes, with F1 below 0\.5 on test: City \(0\.00\)", text)
    assert "fewer than 30 mentions in test: Artist (4), City (8)" in text
    assert "holds none: River." in text
    assert "Text with typos: not measured." in text
    assert "no test file" not in text
    perfect = fake_record(PERFECT, folder=tmp_path)
    noisy = {**perfect.scores, "dev_noisy": perfect.scores["dev"]}
    good = model_card(perfect.model_copy(update={"scores": noisy}), TAXONOMY)
    assert "Weak classes" not in good
    assert "There is no test file" in good
    assert "Text with typos: macro F1 1.000 on a noisy copy of dev, where it is 1.000" in good


def test_settings_are_told_where_they_differ(record: Record) -> None:
    assert changed(record) == []
    assert "All settings are the defaults." in model_card(record, TAXONOMY)
    crf = {**record.settings["crf"], "c2": 0.123}
    other = record.model_copy(update={"settings": {**record.settings, "crf": crf}})
    assert changed(other) == [("crf.c2", 0.123)]
    data = {**record.settings["data"], "dev_share": 0.3}
    assert changed(record.model_copy(update={"settings": {**record.settings, "data": data}})) == [
        ("data.dev_share", 0.3)
    ]
    assert ("crf.c2", 0.123) in changed(other.model_copy(update={"kind": "of the future"}))
    old = record.model_copy(update={"settings": {**record.settings, "crf": {**crf, "of_old": False}}})
    assert changed(old) == [("crf.c2", 0.123)]  # a setting of another version that is off


@pytest.mark.parametrize("name", ["a: b # c", '"quoted"', "---", "<script>", "ü | x", "{[&*", "two\nlines"])
def test_names_of_any_kind_break_nothing(tmp_path: Path, name: str) -> None:
    record = fake_record(NOTHING, folder=tmp_path, name=name)
    text = model_card(record, Taxonomy("t", {name: {name: ""}, "Place": {"City": ""}}))
    index = front(text)["model-index"]
    assert isinstance(index, list)
    assert index[0]["name"] == name
    assert "<script>" not in text.split("---\n\n", 1)[1].replace("\\<script\\>", "")
    assert text.split("---\n\n", 1)[1].startswith("# ")


def test_a_record_of_every_reported_run_has_its_card() -> None:
    from coner.report.publish import card_of

    paths = sorted((ROOT / "results").glob("*.json"))
    assert paths
    for path in paths:
        text = card_of(path, Told())
        assert text == card_of(path, Told())  # a pure function
        assert "## Classes (test)" in text
        assert front(text)["pipeline_tag"] == "token-classification"
