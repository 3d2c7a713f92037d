"""Reading a language model's answers: text to entities."""
