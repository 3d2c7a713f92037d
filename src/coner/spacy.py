"""Former name of ``coner.integrations.spacy``."""

from coner.integrations.spacy import ConerPipe, make

__all__ = ["ConerPipe", "make"]
