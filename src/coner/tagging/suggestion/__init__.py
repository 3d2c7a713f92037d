"""What to label next: sentences that a model is unsure of, and that differ from one another."""
