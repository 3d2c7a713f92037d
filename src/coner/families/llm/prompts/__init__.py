"""What a language model is asked: messages, prompts and examples."""
