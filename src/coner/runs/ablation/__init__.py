"""What each idea is worth: a declared list of runs that differ from one config in one thing each."""
