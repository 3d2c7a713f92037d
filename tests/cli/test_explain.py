"""``coner explain`` on a CRF with four weights."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from coner.cli.explain import explain
from coner.core.errors import ConfigError, ModelError
from coner.data.taxonomy import Taxonomy
from coner.families.crf.emissions import Weights
from coner.families.crf.settings import CrfExperiment, CrfManifest
from coner.families.crf.tagger import CrfTagger
from coner.features import Lexicon

APP = typer.Typer()
APP.command()(explain)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Tags O, B-Artist, I-Artist, B-City, I-City; ``topic=album`` supports artists and opposes cities."""
    features = ("topic=album", "word=[bold]rome")
    transitions = np.zeros((5, 5))
    transitions[1, 2] = 1.5
    weights = Weights(
        features,
        np.array([0, 2, 4]),
        np.array([1, 3, 3, 0], np.int16),
        np.array([2.0, -1.0, 3.0, -4.0], np.float32),
        transitions,
    )
    labels = ("Artist", "City")
    settings = CrfExperiment(kind="crf")
    manifest = CrfManifest(kind="crf", labels=labels, taxonomy=Taxonomy.flat(labels), settings=settings, threshold=None)
    CrfTagger(weights, Lexicon(), manifest).save(tmp_path / "model")
    return tmp_path / "model"


def test_json_lists_every_label_with_its_weights(model: Path) -> None:
    done = CliRunner().invoke(APP, [str(model), "--json"], catch_exceptions=False)
    artist, city = json.loads(done.stdout)
    assert artist == {
        "label": "Artist",
        "supports": [{"feature": "topic=album", "tag": "B-Artist", "weight": 2.0}],
        "opposes": [],
        "transitions": [{"before": "B-Artist", "after": "I-Artist", "weight": 1.5}],
    }
    assert city["supports"] == [{"feature": "word=[bold]rome", "tag": "B-City", "weight": 3.0}]
    assert city["opposes"] == [{"feature": "topic=album", "tag": "B-City", "weight": -1.0}]


def test_table_of_one_label(model: Path) -> None:
    done = CliRunner().invoke(APP, [str(model), "--label", "City"], catch_exceptions=False)
    assert "+3.00" in done.stdout
    assert "word=[bold]rome" in done.stdout  # a feature is text, never markup
    assert "-1.00" in done.stdout
    assert "Artist" not in done.stdout


def test_top_limits_the_list(model: Path) -> None:
    done = CliRunner().invoke(APP, [str(model), "--top", "1", "--json"], catch_exceptions=False)
    assert all(len(label["supports"]) <= 1 for label in json.loads(done.stdout))
    assert CliRunner().invoke(APP, [str(model), "--top", "0"]).exit_code == 2


def test_unknown_label_lists_the_known_ones(model: Path) -> None:
    with pytest.raises(ConfigError, match="got label 'Cty'; expected one of: Artist, City"):
        CliRunner().invoke(APP, [str(model), "--label", "Cty"], catch_exceptions=False)


def test_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.json"):
        CliRunner().invoke(APP, [str(tmp_path)], catch_exceptions=False)


def test_model_of_another_kind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coner.families.load", lambda _, **__: SimpleNamespace(kind="encoder"))
    with pytest.raises(ModelError, match="kind encoder; expected a feature CRF"):
        CliRunner().invoke(APP, [str(tmp_path)], catch_exceptions=False)
