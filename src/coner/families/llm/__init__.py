"""A prompted language model."""
