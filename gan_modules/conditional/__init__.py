"""Conditions: generators that are told a class, a sentence, a sound or an image."""
