"""A trained model whose doubtful labels a language model chooses."""
