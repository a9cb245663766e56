"""Scores of generated samples: pure functions on features, and the features themselves."""
