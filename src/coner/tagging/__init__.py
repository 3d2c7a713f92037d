"""Tag sentences, files and corpora: source -> batches -> tagger -> sink."""
