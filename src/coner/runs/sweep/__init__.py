"""A search for good settings by the score on the dev split."""
