"""Articles, and summaries of other articles: a corpus of which the true summaries are known.

An article is four to six clauses ``key : value`` in random order, with words between them that say
nothing. The value of the clause ``news`` is a sentence; the summary is that sentence in its short
form, without articles and filling. The other clauses say less than the news does, so that the
summary from which most of an article can be told is the true one.
"""

from typing import Any

import numpy as np

from datamodules.corpora import LoadedCorpora, numbered
from datamodules.sequences import SPECIAL
from datamodules.unpaired_sequences import UnpairedSentences

_DRAW_SEED = 20181005
_MOST = 50_000

WHICH = "old young famous angry tired lucky foreign local".split()
WHO = (
    "mayor doctor farmer teacher singer pilot baker judge painter sailor lawyer nurse "
    "soldier actor writer minister"
).split()
DOES = "opens buys sells paints visits loses finds praises repairs closes hides draws".split()
WHAT = (
    "bridge school museum boat castle garden market statue tower library bakery theatre "
    "station harbour fountain mill"
).split()
WHERE = "paris london rome vienna oslo madrid dublin athens prague lisbon berlin cairo".split()
OTHERS = {
    "weather": "rain snow sun fog wind storm".split(),
    "source": "radio paper phone letter witness police".split(),
    "day": "monday tuesday wednesday thursday friday saturday".split(),
    "mood": "calm happy sad tense proud bored".split(),
    "traffic": "heavy normal blocked slow none diverted".split(),
    "price": "low high stable rising falling unknown".split(),
    "sport": "football tennis chess rowing boxing cycling".split(),
}
FILLING = "well so today again maybe indeed now also then still".split()
#: Words that the longest article needs without filling, and the longest summary.
LONGEST_ARTICLE, LONGEST_SUMMARY = 25, 6


class Summaries(UnpairedSentences):
    """a = articles, b = summaries of other articles; the true ones are for scores alone.

    Args:
        samples: articles with different summaries, held-out ones included; 4 to 50,000.
        length_a: T of the articles, the end included; what is left over is room for filling.
        length_b: T of the summaries.
        **kwargs: see :class:`datamodules.unpaired_sequences.UnpairedSentences`.

    Raises:
        ValueError: when an argument is out of range, or an article or a summary does not fit.
    """

    def __init__(
        self, samples: int = 4000, length_a: int = 28, length_b: int = 8, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 4 <= samples <= _MOST:
            raise self._refusal("samples", f"lie in 4..{_MOST}", samples, "set samples: 4000")
        self._check_fits("length_a", length_a, LONGEST_ARTICLE)
        self._check_fits("length_b", length_b, LONGEST_SUMMARY)
        self.samples, self.length_a, self.length_b = samples, length_a, length_b

    def slug(self) -> str:
        """summaries-<length_a>-<length_b>."""
        return f"summaries-{self.length_a}-{self.length_b}"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Articles and summaries."""
        return {"a": "articles", "b": "summaries"}

    def load_corpora(self) -> LoadedCorpora:
        """Write the articles and their summaries; see the base."""
        source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        written: dict[tuple[str, ...], list[str]] = {}
        while len(written) < self.samples:
            summary, news = _news(source)
            # Drawn before it is known whether it is needed: what follows is the same either way.
            article = _article(source, news, self.length_a - 1)
            written.setdefault(summary, article)
        words = _vocabulary()
        tokens = {
            "a": numbered(list(written.values()), words, self.length_a),
            "b": numbered(list(written), words, self.length_b),
        }
        return LoadedCorpora(tokens, words, paired=True)


def _news(source: np.random.Generator) -> tuple[tuple[str, ...], list[str]]:
    """Draw a sentence: in its short form, and as articles have it."""
    which = [_one(source, WHICH)] if source.random() < 0.5 else []
    who, does, what = _one(source, WHO), _one(source, DOES), _one(source, WHAT)
    where = ["in", _one(source, WHERE)] if source.random() < 0.5 else []
    short = (*which, who, does, what, *where)
    return short, ["the", *which, who, does, "the", what, *where]


def _article(source: np.random.Generator, news: list[str], room: int) -> list[str]:
    """Put the news among other clauses, with filling where there is room for words."""
    count = int(source.integers(3, 6))
    keys = [list(OTHERS)[place] for place in source.permutation(len(OTHERS))[:count]]
    clauses = [("news", news), *((key, [_one(source, OTHERS[key])]) for key in keys)]
    spare = room - sum(2 + len(value) for _, value in clauses)
    filled = set(source.permutation(len(clauses))[: max(0, min(len(clauses), spare))].tolist())
    words: list[str] = []
    for place in source.permutation(len(clauses)).tolist():
        key, value = clauses[place]
        # Not always, so that an article that has room does not have filling everywhere.
        filling = [_one(source, FILLING)] if place in filled and source.random() < 0.5 else []
        words += [key, ":", *filling, *value]
    return words


def _one(source: np.random.Generator, words: list[str]) -> str:
    return words[int(source.integers(len(words)))]


def _vocabulary() -> tuple[str, ...]:
    values = {word for kind in OTHERS.values() for word in kind}
    news = {*WHICH, *WHO, *DOES, *WHAT, *WHERE, "the", "in", "news", ":"}
    return (*SPECIAL, *sorted(values | news | {*OTHERS, *FILLING}))
