"""Further training files: weighted, recorded, and without the texts of dev and test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.config.experiment import DataSettings, ExtraFile
from coner.core.files import sha256
from coner.core.types import surfaces
from coner.data import read
from coner.data.splits import read_splits
from coner.data.stratify import duplicate_key
from coner.records.record import read_record
from helpers import SAMPLE
from helpers.shell import Completed, World, head, refusal

Coner = Callable[..., Completed]


@pytest.fixture
def silver(world: World, tmp_path: Path) -> Path:
    """Ten sentences of the dev file, in capitals, then twenty that are in no other file."""
    text = head(SAMPLE / "dev.conll", 10)
    capital = "\n".join(
        line if line.startswith("#") or not line else line.split(" ")[0].upper() + " " + line.partition(" ")[2]
        for line in text.split("\n")
    )
    path = tmp_path / "silver.conll"
    path.write_text(capital + head(SAMPLE / "test.conll", 20).removeprefix("\n"), encoding="utf-8")
    return path


def test_texts_of_dev_and_test_are_left_out(world: World, silver: Path) -> None:
    extra = ExtraFile(file=silver, weight=0.3)
    splits, _ = read_splits(DataSettings(train=world.train, dev=world.dev, extra=(extra,), take=30))
    main, [found] = splits["train"], splits["train"].extras
    whole = read(silver)
    assert len(whole) == 30
    assert found.left_out == tuple(range(10))
    assert found.corpus.sentences == whole[10:]
    assert not {duplicate_key(s) for s in found.corpus} & {duplicate_key(s) for s in splits["dev"].corpus}
    assert len(main.corpus) < 40  # data.take applies to the main file only
    assert main.sentences == (*main.corpus, *whole[10:])
    assert surfaces(main.sentences) == surfaces(main.corpus) | surfaces(whole[10:])
    assert main.weights == [1.0] * len(main.corpus) + [0.3] * 20
    tested, _ = read_splits(DataSettings(train=world.train, dev=world.dev, test=SAMPLE / "test.conll", extra=(
        ExtraFile(file=SAMPLE / "train.conll"),
    )))  # fmt: skip
    assert not {duplicate_key(s) for s in tested["train"].extras[0].corpus} & {
        duplicate_key(s) for s in tested["test"].corpus
    }


def test_an_evaluated_text_is_left_out_even_if_split_into_other_words(tmp_path: Path) -> None:
    for name, content in {
        "train.conll": "grace B-OtherPER\n",
        "test.conll": "ACME B-ORG\ninc. I-ORG\nΟΔΟΣ O\nmoved O\n",
        "raw.jsonl": '{"text": "acme  inc. οδος moved", "entities": []}\n{"text": "acme stayed", "entities": []}\n',
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    files = {name: tmp_path / f"{name}.conll" for name in ("train", "test")}
    splits, _ = read_splits(DataSettings(**files, dev=files["test"], extra=(ExtraFile(file=tmp_path / "raw.jsonl"),)))
    [found] = splits["train"].extras
    assert found.left_out == (0,)


def test_dev_is_cut_from_the_main_file_alone(world: World, silver: Path) -> None:
    alone, _ = read_splits(DataSettings(train=world.train))
    both, _ = read_splits(DataSettings(train=world.train, extra=(ExtraFile(file=world.train), ExtraFile(file=silver))))
    assert [both[name].corpus for name in both] == [alone[name].corpus for name in alone]
    same, other = both["train"].extras
    assert len(same.corpus) == len(alone["train"].corpus)  # the dev split is left out of it
    assert (len(other.corpus), other.left_out) == (30, ())


def test_a_crf_learns_from_extra_files_and_the_record_lists_them(
    coner: Coner, world: World, silver: Path, out: Path
) -> None:
    named = ["--set", f'data.extra=[{{file = "{silver}"}}]']
    done = coner("train", *world.settings, *named, "--out", out / "run")
    assert done.code == 0, done.err
    expected = (
        "train 60 sentences, silver.conll 20 sentences of weight 1, 10 left out (in dev or test too), dev 40 sentences"
    )
    assert expected in done.err
    assert "80 sentences," in done.err  # that the CRF was trained on
    record = read_record(out / "run")
    [extra] = record.data["train"].extra
    kept = read(silver)[10:]
    assert extra.model_dump(exclude={"extra"}) == {
        "file": "silver.conll",
        "sha256": sha256(silver),
        "sentences": 20,
        "words": sum(map(len, kept)),
        "mentions": sum(len(s.entities or ()) for s in kept),
        "repaired": 0,
        "skipped": 0,
        "weight": 1.0,
        "left_out": 10,
    }
    assert record.data["train"].sentences == 60
    assert record.counts["skipped_extra"] == 0
    assert str(silver.parent) not in (out / "run/record.json").read_text(encoding="utf-8")
    # The same file elsewhere is the same run; without it, or with more left out, it is another run.
    moved = shutil.copy(silver, out / "elsewhere.conll")
    again = ["--set", f'data.extra=[{{file = "{moved}"}}]']
    assert "already finished" in coner("train", *world.settings, *again, "--out", out / "run").err
    test = out / "test.conll"
    test.write_text(head(SAMPLE / "test.conll", 5), encoding="utf-8")
    for changed in ([], [*named, "--set", f"data.test={test}"]):
        message = refusal(coner("train", *world.settings, *changed, "--out", out / "run"))
        assert "contains a finished run with other settings or data" in message


def test_an_encoder_uses_the_weights_of_extra_files(
    coner: Coner, world: World, silver: Path, out: Path, tiny_encoder: Callable[[str], Path]
) -> None:
    config = out / "encoder.toml"
    config.write_text(
        f'kind = "encoder"\nencoder = {{ name = "{tiny_encoder("mbert")}" }}\ntrain = {{ epochs = 1 }}\n'
        f'[data]\ntrain = "{world.train}"\ndev = "{world.dev}"\nextra = [{{ file = "{silver}", weight = 0.3 }}]\n'
    )
    assert coner("train", config, "--out", out / "run").code == 0
    record = read_record(out / "run")
    assert record.data["train"].extra[0].weight == 0.3
    assert record.settings["data"]["extra"] == [{"file": "silver.conll", "weight": 0.3, "map": None}]
    heavier = f'data.extra=[{{file = "{silver}", weight = 0.4}}]'
    again = coner("train", config, "--set", heavier, "--out", out / "run")
    assert again.code == 2 and "finished run with other" in again.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('[{file = "FILE", weight = 0.3}]', "weight 0.3; expected 1, since python-crfsuite has no"),
        ('[{file = "FILE", weight = 0}]', "data.extra.0.weight: input should be greater than 0, got 0"),
        ('[{file = "FILE", weight = -1}]', "data.extra.0.weight: input should be greater than 0, got -1"),
        ('[{file = "FILE", weight = inf}]', "data.extra.0.weight: input should be a finite number"),
        ('[{file = "FILE", wieght = 1}]', "data.extra.0.wieght: no such setting; expected one of: file, map, weight"),
        ("[{weight = 1}]", "data.extra.0.file: field required"),
        ('["FILE"]', "data.extra.0: input should be a valid dictionary"),
        ('[{file = "none.conll"}]', "none.conll: no such file; check the path"),
        ('[{file = "LABEL"}]', "label.conll:1: got label 'Thing'"),
        ('[{file = "DEV"}]', "got only sentences that are in the dev or test file too; expected others"),
    ],
)  # fmt: skip
def test_bad_files_and_weights_are_one_line(
    coner: Coner, world: World, silver: Path, *, out: Path, extra: str, expected: str
) -> None:
    label = out / "label.conll"
    label.write_text("thing _ _ B-Thing\n\n")
    for name, path in (("FILE", silver), ("LABEL", label), ("DEV", world.dev)):
        extra = extra.replace(name, str(path))
    message = refusal(coner("train", *world.settings, "--set", f"data.extra={extra}", "--out", out / "run"))
    assert expected in message
    assert not (out / "run").exists()
