"""What a language model is asked: prompts and examples."""
