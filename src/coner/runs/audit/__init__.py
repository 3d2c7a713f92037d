"""Annotation errors in labelled data: predictions out of fold, evidence on each mention, and what is suspicious."""
