"""The command line: one module per command, which reads the arguments and makes one call."""

from coner.cli.app import main, run

__all__ = ["main", "run"]
