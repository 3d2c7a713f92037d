"""From data to taggers: the feature CRF and the encoder's loop."""

CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run: an encoder's whole state
