"""coner: taggers for complex, fine-grained named entities."""
