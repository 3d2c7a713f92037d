"""The page of coloured mentions: complete, escaped, in sections; and as a browser shows it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.data import read, stream
from coner.data.formats import WriteOptions, formats
from helpers import SAMPLE
from helpers.chromium import prefer, resize

GROUPS = {"Artist": "Person", "Athlete": "Person", "City": "Place"}
HOSTILE = Sentence(("</mark><script>alert(1)</script>", "&lt;", "نیویورک", "\U0001f600"), (Entity(0, 2, "City", 0.25),))
SENTENCES = [
    HOSTILE,
    Sentence(("ada", "met", "bob"), (Entity(0, 1, "Artist"), Entity(2, 3, "Athlete", 0.5))),
    Sentence(("x",)),
]


def page_of(sentences: list[Sentence], groups: dict[str, str] | None = GROUPS) -> str:
    handle = io.StringIO(newline="")
    formats["html"].write_text(sentences, handle, WriteOptions(groups=groups))
    return handle.getvalue()


def test_labels_of_one_group_have_one_colour() -> None:
    classes = re.findall(r'<mark class="(m\d+)"[^>]*>(\w+)<', page_of(SENTENCES))
    assert classes == [("m0", "Person"), ("m1", "Place"), ("m0", "ada"), ("m0", "bob")]
    assert "<script" not in page_of(SENTENCES)
    assert "(no labels)" in page_of(SENTENCES)


def test_without_groups_each_label_is_one(tmp_path: Path) -> None:
    formats["html"].write(SENTENCES, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall(r'<li><mark class="m(\d)">(\w+)<', page) == [("0", "Artist"), ("1", "Athlete"), ("2", "City")]


def test_a_page_is_not_read_as_data(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page_of(SENTENCES), encoding="utf-8")
    with pytest.raises(ConfigError, match="'html', which is write-only"):
        list(stream(tmp_path / "page.html"))


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts on", "scripts off"])
def test_a_browser_shows_every_sentence(browser: Any, tmp_path: Path, scripts: bool) -> None:
    sentences = [*SENTENCES, *(list(read(SAMPLE / "train.conll")) * 2)]
    (tmp_path / "page.html").write_text(page_of(sentences), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    browser.get((tmp_path / "page.html").as_uri())
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    def run(script: str) -> Any:
        return browser.execute_script(f"return {script}")

    assert run("[...document.querySelectorAll('details')].map((e) => e.open)") == [True] + [False] * (
        (len(sentences) - 1) // 500
    )
    assert run("[...document.querySelectorAll('ol')].map((e) => e.start)") == list(range(1, len(sentences) + 1, 500))
    texts = """[...document.querySelectorAll("ol li")].map((e) => { const copy = e.cloneNode(true);
      copy.querySelectorAll("small").forEach((s) => s.remove()); return copy.textContent; })"""
    assert [text.strip() for text in run(texts)] == [" ".join(sentence.words) for sentence in sentences]
    marks = sum(len(sentence.entities or ()) for sentence in sentences)
    assert len(browser.find_elements("css selector", "ol mark")) == marks
    second = browser.find_elements("css selector", "summary")[1]
    second.click()
    assert run("document.querySelectorAll('details')[1].open")
    for width in (360, 1280, 1920):
        resize(browser, width)
        assert run("document.documentElement.scrollWidth <= window.innerWidth")
    backs = []
    for scheme in ("light", "dark"):
        prefer(browser, scheme)
        backs.append(run("getComputedStyle(document.querySelector('ol mark')).backgroundColor"))
    assert backs == ["rgb(253, 226, 206)", "rgb(76, 45, 18)"]
    assert browser.get_log("browser") == []
