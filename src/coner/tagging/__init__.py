"""Tagging from files to a folder, on one machine or on many: the same slices, readers and writers on both."""
