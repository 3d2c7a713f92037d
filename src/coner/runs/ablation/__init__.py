"""Ablations: a plan of runs, each of which changes one thing in a config."""
