"""Sizes of the networks and data that contract tests use."""

SIZE = 32
WIDTH = 4
LATENT = 6
CLASSES = 3
TEXT = 5
BANDS = 16
FRAMES = 20
#: Of sentences: words with the special tokens, and tokens of the longest.
WORDS, WORDS_LENGTH = 11, 6
#: Of speech: width of a piece, and phonemes.
FEATURES, PHONEMES = 5, 4
