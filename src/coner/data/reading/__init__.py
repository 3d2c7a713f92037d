"""What the data formats share: readers, the words of a text, the layout of a CoNLL file."""
