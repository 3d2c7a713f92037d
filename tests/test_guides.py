"""Every input in the tutorial and the guides that continue it gives the output that is shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import coner.integrations.spacy  # registers the component where the installed entry points are older
from helpers import ROOT
from helpers.guide import Session

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session in an empty folder."""
    session = Session({})
    with contextlib.chdir(tmp_path_factory.mktemp("reader")):
        yield session
    session.close()


@pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")
def test_guides_give_the_output_they_show(reader: Session) -> None:
    """The other guides use what the first has made."""
    assert coner.integrations.spacy.make
    assert reader.play(DOCS / "tutorial.md") > 20
    assert not reader.jobs
    assert reader.play(DOCS / "python.md") > 20
    assert reader.play(DOCS / "migrating.md") > 20


@pytest.mark.parametrize(
    "block",
    ["```pycon\n>>> 1 + 1\n3\n```\n", "```console\n$ echo a\nb\n```\n", "```pycon\n>>> x = 1\n>>> x\n```\n"],
)
def test_wrong_output_in_a_guide_is_an_error(tmp_path: Path, block: str) -> None:
    (tmp_path / "guide.md").write_text(f"# A\n\n{block}")
    with pytest.raises(AssertionError, match=r"guide.md:3"):
        Session({}).play(tmp_path / "guide.md")


def test_a_failing_command_in_a_guide_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("```console\n$ coner tag nowhere -\n...\n```\n")
    with pytest.raises(AssertionError, match="nowhere: does not exist"):
        Session({}).play(tmp_path / "guide.md")
