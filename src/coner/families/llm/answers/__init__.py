"""From the text of an answer to entities; independent of any model."""
