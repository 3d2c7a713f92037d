"""The command line: a file a command. Arguments in, one call out."""

from coner.cli.app import main, run

__all__ = ["main", "run"]
