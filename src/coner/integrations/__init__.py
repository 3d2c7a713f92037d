"""Taggers in other libraries: scikit-learn and spaCy."""
