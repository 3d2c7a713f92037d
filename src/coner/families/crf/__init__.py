"""The feature CRF."""
