"""From words to word vectors: pieces, batches, the pretrained encoder, pooling, and the tagger around them."""
