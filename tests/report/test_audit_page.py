"""The page of an audit: escaped, paged, without anything from elsewhere; filters in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from coner.core.types import Entity, Sentence
from coner.data import Corpus
from coner.report.audit import SECTION, render, write_audit_page
from coner.runs.audit.audit import Audit
from coner.runs.audit.candidates import find_candidates
from coner.runs.audit.evidence import Evidence, MentionOutcome
from helpers.chromium import prefer, resize

HOSTILE = ("<script>alert(1)</script>", "a\x00b\x1b[31m", '"><img', "\u202eabc", "&amp;", "北京")
KINDS = (MentionOutcome(0.01, 0.9, 0.09, 0), MentionOutcome(0.01, 0, 0.99, 0), MentionOutcome(0.0001, 0, 0, 0.9999))


def make(sentences: list[Sentence]) -> Audit:
    """An audit in which every mention is doubted, in turn for each reason, and the last word is a missing mention."""
    evidence = []
    for number, sentence in enumerate(sentences):
        last = Entity(len(sentence) - 1, len(sentence), "<b>", 0.8)
        outcomes = tuple(KINDS[number % len(KINDS)] for _ in sentence.entities or ())
        evidence.append(Evidence((last,), outcomes, ((last, 0.1),)))
    return Audit(
        Corpus(tuple(sentences), Path("a<b>.conll")), evidence, find_candidates(sentences, evidence), 2, "crf", 5
    )


def many(count: int) -> list[Sentence]:
    return [
        Sentence((f"name{number}", "saw", "<b>"), (Entity(0, 1, "City" if number % 2 else "<b>"),), line=number + 1)
        for number in range(count)
    ]


def test_hostile_text_is_escaped_and_control_characters_are_shown() -> None:
    sentence = Sentence(HOSTILE, (Entity(0, 1, "<b>"), Entity(1, 3, "City")), id='"<i>')
    found = make([sentence])
    page = render(found, found.candidates)
    body = page[page.index("<body>") :]
    assert body.count("<script") == 1
    assert "<img" not in page
    assert "<b>" not in body
    assert "<i>" not in body
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert "a\u2400b\u241b[31m" in page
    assert "&lt;script&gt;" in page


def test_the_page_loads_nothing_and_is_the_same_every_time(tmp_path: Path) -> None:
    found = make(many(7))
    write_audit_page(found, found.candidates, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page == render(found, found.candidates)
    assert not re.search(r"(src|href)=\"(?!data:,)|url\(|@import", page)
    assert "default-src 'none'" in page


def test_long_lists_are_paged_and_the_first_section_is_open() -> None:
    found = make(many(3 * SECTION))
    page = render(found, found.suspicious)
    assert page.count("<details") == -(-page.count('class="group"') // SECTION) > 1
    assert page.count("<details open") == 1
    assert page.count('class="candidate"') == len(found.suspicious)


def test_a_page_of_some_candidates_says_how_many_there_are() -> None:
    found = make(many(20))
    expected = f"Suspicious: {len(found.suspicious)} candidates; the first 5 are here"
    assert expected in render(found, found.suspicious[:5])
    assert "Nothing is suspicious" in render(found, [])
    assert "Left out: 2 mentions" in render(found, [])


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    """A page of several sections, without errors in the log and without a request."""
    found = make(many(3 * SECTION))
    write_audit_page(found, found.suspicious, tmp_path / "page.html")
    browser.get_log("browser")
    browser.get((tmp_path / "page.html").as_uri())
    yield browser
    assert browser.get_log("browser") == []


def shown(page: Any) -> list[str]:
    visible = "[...document.querySelectorAll('.candidate')].filter((e) => e.checkVisibility())"
    return list(page.execute_script(f"return {visible}.map((e) => e.dataset.kind)"))


def choose(page: Any, name: str, value: str) -> None:
    node = "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
    page.execute_script(
        f"{node} e.dispatchEvent(new Event(arguments[2]))", name, value, "input" if name == "words" else "change"
    )


@pytest.mark.browser
def test_filters_by_kind_class_and_words(page: Any) -> None:
    assert set(shown(page)) <= {"class", "boundary", "missing", "spurious"}
    choose(page, "kind", "boundary")
    assert set(shown(page)) == {"boundary"}
    everywhere = len(shown(page))  # sections with a match are open
    assert everywhere == SECTION
    choose(page, "class", "City")
    assert len(shown(page)) == everywhere // 2
    choose(page, "words", "NAME1")
    assert 0 < len(shown(page)) < everywhere // 2
    assert " of " in page.find_element("id", "status").text
    for name in ("kind", "class", "words"):
        choose(page, name, "")
    assert page.find_element("id", "status").text == ""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_its_window_and_has_two_schemes(page: Any, width: int) -> None:
    resize(page, width)
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    colours = set()
    for scheme in ("light", "dark"):
        prefer(page, scheme)
        colours.add(page.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


@pytest.mark.browser
def test_without_scripts_everything_can_be_read(page: Any) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.refresh()
        assert not page.find_element("css selector", ".controls").is_displayed()
        assert page.find_element("css selector", ".candidate").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
