"""Runs: from settings to a record; ablations and sweeps of several runs."""
