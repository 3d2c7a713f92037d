"""What to label next: sentences of which a model is unsure, and which differ from one another."""
