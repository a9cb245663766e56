"""Data: one kind of domain a file; see ``batches.py`` for what a batch holds."""
