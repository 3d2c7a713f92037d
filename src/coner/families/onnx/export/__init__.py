"""A trained encoder tagger to one that needs no torch: written, judged beside the first, and kept if it holds."""
