"""Sizes of the networks and data that contract tests use."""

SIZE = 32
WIDTH = 4
LATENT = 6
CLASSES = 3
TEXT = 5
BANDS = 16
FRAMES = 20
