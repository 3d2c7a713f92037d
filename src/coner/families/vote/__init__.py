"""Several trained models that vote."""
