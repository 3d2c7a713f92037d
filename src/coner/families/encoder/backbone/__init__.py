"""From words to vectors: pieces, batches, the pretrained encoder."""
