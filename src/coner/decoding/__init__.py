"""Decoding that needs numpy only: linear chains, spans of independent tags, selection of spans."""
