"""Negative and positive reviews from templates: the true transfer swaps one word for another.

Thirty templates, nouns for food, places and staff, and pairs of adjectives for one of these each.
Every pair goes with a noun of its own more often than with others, in both domains alike: otherwise
nothing in the two corpora would say which adjective belongs to which.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.corpora import LoadedCorpora, numbered
from datamodules.sequences import SPECIAL
from datamodules.source import refusal
from datamodules.unpaired_sequences import UnpairedSentences

_DRAW_SEED = 20190514

#: FOOD stands for a noun of this kind, food for an adjective of it; one of each in a template.
TEMPLATES = (
    "to me in the evening the FOOD was food",
    "i think the FOOD tasted food",
    "we ordered the FOOD and it was food",
    "my FOOD arrived late in the evening and it was really food",
    "food FOOD for this price",
    "everyone said that the FOOD is food",
    "in the evening the PLACE was really place",
    "this is one very place PLACE",
    "we found the PLACE very place",
    "the PLACE upstairs looked place to me",
    "last week the PLACE was place again",
    "in my opinion the PLACE is place",
    "i remember that the STAFF was always staff",
    "our STAFF seemed staff all evening",
    "i found the STAFF rather staff",
    "the STAFF at the counter was so staff",
    "honestly the STAFF is always staff",
    "that STAFF was staff to my friends",
    "the FOOD was food and the STAFF was staff",
    "i think our STAFF was staff again last week",
    "the PLACE is place and the FOOD is food",
    "the STAFF was staff in this place PLACE",
    "everyone said that the STAFF is always staff",
    "in one place PLACE we had food FOOD with my friends",
    "both the FOOD is food and the PLACE is place",
    "i remember the staff STAFF and the food FOOD",
    "they serve food FOOD in one place PLACE",
    "the staff STAFF brought us food FOOD",
    "my family found the PLACE place and the STAFF staff",
    "the FOOD was food , the PLACE place and the STAFF staff",
)
NOUNS = {
    "FOOD": "soup bread burger steak pizza curry coffee pasta salad cake".split(),
    "PLACE": "bathroom bar garden room hall lobby terrace kitchen".split(),
    "STAFF": "waiter cook host receptionist barman cashier team manager".split(),
}
#: Negative and positive, aligned; the noun of the same place goes with them in half of all cases.
ADJECTIVES = {
    "food": (
        "bland stale greasy dry burnt awful tasteless".split(),
        "tasty fresh light juicy crisp delicious flavourful".split(),
    ),
    "place": (
        "dirty noisy ugly cramped gloomy shabby freezing".split(),
        "clean quiet pretty spacious bright elegant cosy".split(),
    ),
    "staff": (
        "rude slow careless unfriendly grumpy clumsy lazy".split(),
        "polite quick attentive friendly cheerful skilful diligent".split(),
    ),
}


class TemplatedSentiment(UnpairedSentences):
    """a = negative, b = positive; no review is trained on in both domains.

    Args:
        samples: reviews that are drawn, held-out ones included, each written in both ways; at
            least 20. Equal ones, of which there are many, stay on one side of every split.
        length: T, the end of the sentence included.
        **kwargs: see :class:`datamodules.unpaired_sequences.UnpairedSentences`.

    Raises:
        ValueError: when an argument is out of range, or a review does not fit.
    """

    def __init__(self, samples: int = 4000, length: int = 16, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check_least("samples", samples, 20, 4000)
        longest = max(len(template.split()) for template in TEMPLATES)
        self._check_fits("length", length, longest)
        self.samples, self.length = samples, length

    def slug(self) -> str:
        """templated-sentiment-<length>."""
        return f"templated-sentiment-{self.length}"

    @property
    def domain_titles(self) -> dict[str, str]:
        """Negative and positive."""
        return {"a": "negative", "b": "positive"}

    def load_corpora(self) -> LoadedCorpora:
        """Write the reviews; see the base."""
        source = np.random.Generator(np.random.PCG64(_DRAW_SEED))
        words = _vocabulary()
        reviews = zip(*(_review(source) for _ in range(self.samples)), strict=True)
        tokens: dict[str, NDArray[np.int64]] = {
            domain: numbered(sentences, words, self.length)
            for domain, sentences in zip(self.domains, reviews, strict=True)
        }
        _, families = np.unique(tokens["a"], axis=0, return_inverse=True)
        families = families.reshape(-1).astype(np.int64)
        return LoadedCorpora(tokens, words, paired=True, families={"a": families, "b": families})


def transferred(tokens: Tensor) -> Tensor:
    """Swap every adjective for its opposite: the true counterpart of a review of either domain.

    Args:
        tokens: int64 of any shape, words of :class:`TemplatedSentiment`.

    Returns:
        int64 of the same shape; swapping twice changes nothing.

    Raises:
        ValueError: when there is a number that is no word.
    """
    places = {word: place for place, word in enumerate(_vocabulary())}
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(places):
        raise refusal(
            "transferred",
            "tokens",
            f"lie in 0..{len(places) - 1}",
            f"{int(tokens.min())}..{int(tokens.max())}",
            "give words of TemplatedSentiment",
        )
    table = torch.arange(len(places), device=tokens.device)
    for pair in ADJECTIVES.values():
        for one, other in zip(*pair, strict=True):
            table[places[one]], table[places[other]] = places[other], places[one]
    return table[tokens]


def _review(source: np.random.Generator) -> tuple[list[str], list[str]]:
    """Draw one review: words of (negative, positive)."""
    template = TEMPLATES[source.integers(len(TEMPLATES))].split()
    negative: dict[str, str] = {}
    positive: dict[str, str] = {}
    for slot, nouns in NOUNS.items():
        pairs = ADJECTIVES[slot.lower()]
        one = int(source.integers(len(pairs[0])))
        noun = nouns[one if source.random() < 0.5 else int(source.integers(len(nouns)))]
        negative |= {slot: noun, slot.lower(): pairs[0][one]}
        positive |= {slot: noun, slot.lower(): pairs[1][one]}
    return [negative.get(word, word) for word in template], [
        positive.get(word, word) for word in template
    ]


def _vocabulary() -> tuple[str, ...]:
    slots = {*NOUNS, *ADJECTIVES}
    plain = {word for template in TEMPLATES for word in template.split()} - slots
    nouns = {word for kind in NOUNS.values() for word in kind}
    adjectives = {word for pair in ADJECTIVES.values() for side in pair for word in side}
    return (*SPECIAL, *sorted(plain | nouns | adjectives))
