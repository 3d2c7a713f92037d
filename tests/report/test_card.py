"""Model cards: the hub's own reader reads them, and every figure is the record's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coner.data.taxonomy import Taxonomy
from coner.evaluation.metrics import shown_in
from coner.records.record import Record
from coner.report.card import CardMetadata, model_card
from coner.report.card_tables import changed
from helpers import ROOT
from helpers.records import NOTHING, PERFECT, POOR, edited, fake_record

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"City": "", "River": ""}})
METADATA = CardMetadata("me/tagger", "apache-2.0", ("en", "de"), ("me/data",))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return fake_record(POOR, folder=tmp_path, splits=("dev", "test"))


def front(text: str) -> dict[str, object]:
    """The front matter, by a YAML reader."""
    yaml = pytest.importorskip("yaml")
    values: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return values


def test_the_hub_reads_the_scores(record: Record) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(model_card(record, TAXONOMY, METADATA)).data
    assert (data.license, data.language, data.datasets) == ("apache-2.0", ["en", "de"], ["me/data"])
    assert (data.library_name, data.pipeline_tag, data.model_name) == ("coner", "token-classification", "tagger")
    read = {(r.dataset_split, r.metric_name): r.metric_value for r in data.eval_results}
    for split, scores in record.scores.items():
        assert read[split, "Macro F1"] == pytest.approx(scores.fine.macro_f1, abs=5e-5)
        assert read[split, "Micro F1"] == pytest.approx(scores.fine.micro_f1, abs=5e-5)
        assert read[split, "Macro F1, coarse groups"] == pytest.approx(scores.coarse.macro_f1, abs=5e-5)
        assert read[split, "Span F1, labels ignored"] == pytest.approx(scores.span.f1, abs=5e-5)
        assert read[split, "Micro recall"] == pytest.approx(scores.fine.recall, abs=5e-5)
    assert len(read) == 2 * len(shown_in("hub"))


def test_unknown_metadata_is_left_out(record: Record) -> None:
    text = model_card(record, TAXONOMY)
    assert not {"license", "language", "datasets", "base_model"} & set(front(text))
    assert "The source of the files is not recorded" in text
    assert "hf://" not in text


def test_tables_have_the_scores_and_the_files(record: Record) -> None:
    text = model_card(record, TAXONOMY, METADATA)
    low, high = record.scores["test"].intervals.of("macro_f1") or (0, 0)
    assert f"| {record.scores['test'].fine.macro_f1:.3f} [{low:.3f}, {high:.3f}] |" in text
    for split in ("train", "dev", "test"):
        assert re.search(rf"\| {split} \| `{split}\.conll` \| `d{{64}}` \| 12 \| 28 \| 12 \|", text), text
    assert "secret" not in text  # the folder that the files were in
    rows = re.findall(r"^\| (\w+) \| (\w+) \| ([\d.]+) \|.*\| (\d+) \|$", text, re.MULTILINE)
    classes = record.scores["test"].fine.classes
    assert [(row[0], int(row[3])) for row in rows] == [
        (label, classes[label].support) for label in sorted(classes, key=lambda name: -classes[name].f1)
    ]
    assert 'coner.load("hf://me/tagger")' in text


def test_limitations_are_listed(tmp_path: Path, record: Record) -> None:
    text = model_card(record, TAXONOMY).partition("## Limitations")[2]
    assert re.search(r"Weak classes, with F1 below 0\.5 on test: City \(0\.00\)", text)
    assert "fewer than 30 mentions in test: Artist (4), City (8)" in text
    assert "no mention of them: River." in text
    assert "Text with typos: not measured." in text
    assert "no test file" not in text
    perfect = fake_record(PERFECT, folder=tmp_path)
    noisy = edited(edited(perfect, "scores.dev_noisy", perfect.scores["dev"]), "data.dev_noisy", perfect.data["dev"])
    good = model_card(noisy, TAXONOMY)
    assert "Weak classes" not in good
    assert "There is no test file" in good
    assert "Text with typos: macro F1 1.000 on a noisy copy of dev, 1.000 on the clean text" in good


def test_settings_that_differ_from_the_defaults_are_listed(record: Record) -> None:
    assert changed(record) == []
    assert "All settings are the defaults." in model_card(record, TAXONOMY)
    other = edited(record, "settings.crf.c2", 0.123)
    assert changed(other) == [("crf.c2", 0.123)]
    assert changed(edited(record, "settings.data.dev_share", 0.3)) == [("data.dev_share", 0.3)]
    assert ("crf.c2", 0.123) in changed(edited(other, "kind", "unknown"))
    assert changed(edited(other, "settings.crf.removed", False)) == [("crf.c2", 0.123)]  # of another version, and off


def test_settings_without_a_default_are_listed(record: Record) -> None:
    llm = {"kind": "llm", "name": "x", "seed": 0, "llm": {"model": "tiny", "timeout": 120.0}, "prompt": {"steps": 2}}
    assert changed(edited(edited(record, "kind", "llm"), "settings", llm)) == [
        ("llm.model", "tiny"),
        ("prompt.steps", 2),
    ]


def test_a_kind_of_another_version_has_a_card(record: Record) -> None:
    text = model_card(edited(record, "kind", "unknown"), TAXONOMY)
    assert "A tagger, for named entity recognition" in text and "coner[hub]" in text


@pytest.mark.parametrize("name", ["a: b # c", '"quoted"', "---", "<script>", "ü | x", "{[&*", "two\nlines"])
def test_special_characters_in_names_are_escaped(tmp_path: Path, name: str) -> None:
    record = fake_record(NOTHING, folder=tmp_path, name=name)
    text = model_card(record, Taxonomy("t", {name: {name: ""}, "Place": {"City": ""}}))
    index = front(text)["model-index"]
    assert isinstance(index, list)
    assert index[0]["name"] == name
    assert "<script>" not in text.split("---\n\n", 1)[1].replace("\\<script\\>", "")
    assert text.split("---\n\n", 1)[1].startswith("# ")


def test_every_committed_record_gives_a_card() -> None:
    from coner.report.publish import card_of

    paths = sorted((ROOT / "results").glob("*.json"))
    assert paths
    for path in paths:
        text = card_of(path, CardMetadata())
        assert text == card_of(path, CardMetadata())  # a pure function
        assert "## Classes (test)" in text
        assert front(text)["pipeline_tag"] == "token-classification"


def test_an_oracle_is_the_first_limitation(record: Record) -> None:
    oracle = edited(record, "training", {"knowledge": {"oracle": {"dev": 1, "test": 2}}})
    limits = model_card(oracle, TAXONOMY).partition("## Limitations\n\n")[2]
    expected = "- An oracle: its knowledge base knew gold mentions of dev, test; the scores are not comparable."
    assert limits.startswith(expected)
