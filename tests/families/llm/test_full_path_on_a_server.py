"""All commands with llama.cpp's own server and a small model: train, preview, tag, evaluate, compare, distil."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.data import read
from coner.records.record import read_record
from helpers.llm_config import CONFIG, settings
from helpers.shell import Completed

pytestmark = pytest.mark.server
Coner = Callable[..., Completed]
TAXONOMY = '[Person]\nArtist = "makes art"\n[Location]\nHumanSettlement = "a city, town or village"\n'
GOLD = (
    ("he B-Artist sang O in O reykjavík B-HumanSettlement . O"),
    ("nadia B-Artist boulanger I-Artist taught O in O paris B-HumanSettlement . O"),
    ("nobody O came O . O"),
)


def conll(*lines: str) -> str:
    pairs = [line.split() for line in lines]
    return "\n\n".join("\n".join(f"{w} {t}" for w, t in zip(p[::2], p[1::2], strict=True)) for p in pairs) + "\n"


def test_all_commands(coner: Coner, server: str, tmp_path: Path) -> None:
    gold, taxonomy, run = tmp_path / "gold.conll", tmp_path / "two.toml", tmp_path / "run"
    gold.write_text(conll(*GOLD), encoding="utf-8")
    taxonomy.write_text(TAXONOMY, encoding="utf-8")
    values = {"data.taxonomy": taxonomy, "data.train": gold, "examples.count": 1, "prompt.answer_tokens": 60}
    values |= {"llm.timeout": 120, "llm.concurrency": 2}
    assert coner("train", CONFIG, *settings(server, **values), "--out", run).code == 0
    assert json.loads(coner("llm", "preview", run, "he sang .", "--json").out)["calls"] == 1
    tagged = coner("tag", run, gold, "-o", tmp_path / "out.conll", "--limit", "2")
    assert tagged.code == 0 and "2 calls, 0 cached" in tagged.err, tagged.err
    assert [sentence.words for sentence in read(tmp_path / "out.conll")] == [s.words for s in read(gold)[:2]]
    scored = coner("train", CONFIG, *settings(server, **values, data__dev=gold), "--out", run)
    assert scored.code == 0, scored.err
    usage = read_record(run).llm
    assert (usage["dev"].calls, usage["dev"].cached) == (1, 2)
    assert usage["dev"].tokens_per_sentence > 40 and usage["dev"].seconds_per_sentence > 0
    evaluated = json.loads(coner("evaluate", gold, run, "--json").out)
    assert evaluated["llm"]["calls"] == 0
    assert evaluated["fine"] == read_record(run).as_dict()["scores"]["dev"]["fine"]
    [row] = json.loads(coner("compare", run, "--json").out)["rows"]
    assert row["asked"]["answered"] == 3
    silver = coner("distil", run, gold, "-o", tmp_path / "silver.conll")
    assert silver.code == 0 and "0 calls, 3 cached" in silver.err
