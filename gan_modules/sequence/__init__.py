"""Generators of sentences: one paper, one file."""
