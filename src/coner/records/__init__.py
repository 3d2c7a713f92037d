"""The record of a run: its typed model, and how it is written and read."""
