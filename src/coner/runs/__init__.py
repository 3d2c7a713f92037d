"""From settings to a record."""
