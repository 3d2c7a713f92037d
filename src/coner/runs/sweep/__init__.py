"""A search for good settings, judged on the validation part."""
