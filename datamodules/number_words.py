"""Numbers in the words of two languages: unlimited parallel text with exact references.

The words are those of num2words. Languages that write a number as several words are split into
words: commas are left out, and hyphens part words as spaces do, so that ``soixante-treize`` shares
its words with ``soixante`` and ``treize``. German writes one word, and is read by its characters.
"""

from typing import Any

import numpy as np
from num2words import num2words

from datamodules.corpora import LoadedCorpora, numbered
from datamodules.sequences import SPECIAL
from datamodules.unpaired_sequences import UnpairedSentences

LANGUAGES = {"en": "English", "fr": "French", "es": "Spanish", "de": "German"}
_ONE_WORD = ("de",)
#: Numbers in a row that stay together: neighbours, which differ in their last word alone.
_RANGE = 10
_MOST = 1_000_000
#: What the space is called where sentences are characters.
SPACE = "_"


class NumberWords(UnpairedSentences):
    """a, b = numbers in two languages, of ranges of numbers that do not overlap in training.

    A range is ten numbers, such as 120 to 129, and ranges are dealt to a, b and the held-out part
    by chance: a language that saw the small numbers alone would not have the words of the other. A
    word that both languages have, such as "six", is one word of the vocabulary.

    Args:
        language_a: en, fr, es or de.
        language_b: another of these.
        numbers: 0 up to below this one are written; 40 to 1,000,000, a minute.
        length: T, the end of the sentence included; None: as many as the longest sentence needs.
        characters: sentences are characters, with ``_`` for a space; German needs it.
        **kwargs: see :class:`datamodules.unpaired_sequences.UnpairedSentences`.

    Raises:
        ValueError: when an argument is out of range, a language is unknown, or a number does not
            fit.
    """

    def __init__(
        self,
        language_a: str = "en",
        language_b: str = "fr",
        numbers: int = 10_000,
        length: int | None = None,
        characters: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        chosen = {"language_a": language_a, "language_b": language_b}
        for name, language in chosen.items():
            if language not in LANGUAGES:
                known = ", ".join(LANGUAGES)
                raise self._refusal(name, f"be one of {known}", language, f"set {name}: en")
            if language in _ONE_WORD and not characters:
                raise self._refusal(
                    "characters",
                    f"be true for {LANGUAGES[language]}, which writes a number as one word",
                    characters,
                    "set characters: true",
                )
        if language_a == language_b:
            other = "fr" if language_a == "en" else "en"
            raise self._refusal(
                "language_b", "differ from language_a", language_b, f"set language_b: {other}"
            )
        if not 40 <= numbers <= _MOST:
            raise self._refusal("numbers", f"lie in 40..{_MOST}", numbers, "set numbers: 10000")
        self._check_least("length", 1 if length is None else length, 1, 14)
        self.languages = {"a": language_a, "b": language_b}
        self.numbers, self.length, self.characters = numbers, length, characters

    def slug(self) -> str:
        """numbers-<language_a>-<language_b>-<numbers>, with -characters for those."""
        kind = "-characters" if self.characters else ""
        return f"numbers-{self.languages['a']}-{self.languages['b']}-{self.numbers}{kind}"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Names of the languages."""
        return {domain: LANGUAGES[language] for domain, language in self.languages.items()}

    def load_corpora(self) -> LoadedCorpora:
        """Write the numbers; see the base."""
        written = {
            domain: [spelled(number, language, self.characters) for number in range(self.numbers)]
            for domain, language in self.languages.items()
        }
        longest = max(len(words) for texts in written.values() for words in texts)
        length = longest + 1 if self.length is None else self.length
        self._check_fits("length", length, longest)
        words = {word for texts in written.values() for text in texts for word in text}
        vocabulary = (*SPECIAL, *sorted(words))
        tokens = {domain: numbered(texts, vocabulary, length) for domain, texts in written.items()}
        ranges = np.arange(self.numbers, dtype=np.int64) // _RANGE
        return LoadedCorpora(tokens, vocabulary, paired=True, families={"a": ranges, "b": ranges})


def spelled(number: int, language: str, characters: bool = False) -> list[str]:
    """Write a number in words, or in characters.

    Args:
        number: at least 0.
        language: a key of :data:`LANGUAGES`.
        characters: whether to return characters, with :data:`SPACE` between words.
    """
    text = num2words(number, lang=language).lower().replace(",", "").replace("-", " ")
    return list(SPACE.join(text.split())) if characters else text.split()
