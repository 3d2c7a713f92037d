"""An exported encoder, which needs no torch."""
