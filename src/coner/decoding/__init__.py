"""From scores to entities: exact inference in a chain, and the choice among spans that overlap."""
