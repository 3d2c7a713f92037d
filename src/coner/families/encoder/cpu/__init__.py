"""Fast training and tagging on a CPU; everything is correct without it, but slower."""
