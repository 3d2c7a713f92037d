"""What makes training and tagging fast on a CPU."""
