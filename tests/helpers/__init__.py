"""What several test modules share, imported by package: ``from helpers.shell import Completed``."""

from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the checkout
SAMPLE = ROOT / "src/coner/data/sample"
