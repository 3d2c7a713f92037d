"""Runs: from settings to a record; ablations and searches made of them."""
