"""The training loop of models over a pretrained encoder: schedules, checkpoints, several processes."""

CHECKPOINT = "checkpoint.safetensors"  # in the folder of a run
