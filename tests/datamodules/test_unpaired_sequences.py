from typing import Any

import numpy as np
import pytest
import torch

from datamodules.batches import UnpairedSequences
from datamodules.contract import validate_batch
from datamodules.corpora import LoadedCorpora, numbered
from datamodules.sequences import SPECIAL
from datamodules.unpaired_sequences import UnpairedSentences

WORDS = (*SPECIAL, *(f"w{number}" for number in range(60)))


class TwoTexts(UnpairedSentences):
    """Sentences of one word, of unlike numbers and lengths, of which nobody knows the pairs."""

    def __init__(self, paired: bool = False, families: bool = False, **kwargs: Any) -> None:
        super().__init__(**{"batch_size": 4, "held_out_share": 0.25, **kwargs})
        self.paired, self.families = paired, families

    def slug(self) -> str:
        return "two-texts"

    def load_corpora(self) -> LoadedCorpora:
        counts = {"a": 40, "b": 40 if self.paired else 24}
        tokens = {
            domain: numbered([[WORDS[4 + row]] for row in range(count)], WORDS, 3 + (domain == "b"))
            for domain, count in counts.items()
        }
        fours = {domain: np.arange(count) // 4 for domain, count in counts.items()}
        return LoadedCorpora(
            tokens, WORDS, paired=self.paired, families=fours if self.families else None
        )


def rows(data: TwoTexts, split: Any, domain: Any) -> set[int]:
    return set(data.reference(split, domain).rows.tolist())


def test_real_corpora_are_divided_each_by_itself() -> None:
    data = TwoTexts()
    assert data.paired_reference("train") is None is data.paired_reference("held_out")
    for domain, count in (("a", 40), ("b", 24)):
        train, held_out = rows(data, "train", domain), rows(data, "held_out", domain)
        assert len(held_out) == count // 4 and train | held_out == set(range(count))
        assert not train & held_out
    assert data.image_shapes == {"a": (3,), "b": (4,)} and data.image_shape == (4,)
    assert data.domain_titles == {"a": "a", "b": "b"} and data.domains == ("a", "b")


def test_an_epoch_is_as_long_as_the_larger_domain_and_shows_all_of_both() -> None:
    data = TwoTexts(batch_size=6)
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == 5
    for batch in batches:
        validate_batch(batch, UnpairedSequences)
    for side, count in (("a", 30), ("b", 18)):
        shown = torch.cat([batch[f"index_{side}"] for batch in batches])
        assert torch.bincount(shown, minlength=count).min() >= 1
        words = torch.cat([batch[f"tokens_{side}"] for batch in batches])
        assert words.shape == (30, 3 + (side == "b")) and (words[:, 1] == 2).all()
    again = torch.cat([batch["index_b"] for batch in loader])
    assert not torch.equal(again, torch.cat([batch["index_b"] for batch in batches]))


@pytest.mark.parametrize("paired", [True, False])
def test_families_stay_on_one_side(paired: bool) -> None:
    data = TwoTexts(paired=paired, families=True)
    parts = [("train", "a"), ("held_out", "a")], [("train", "b"), ("held_out", "b")]
    together = ([*parts[0], parts[1][0]],) if paired else parts
    for group in together:
        families = [{row // 4 for row in rows(data, *part)} for part in group]
        assert sum(map(len, families)) == len(set.union(*families))


def test_hidden_pairs_are_half_of_training_each() -> None:
    data = TwoTexts(paired=True)
    assert len(rows(data, "train", "a")) == len(rows(data, "train", "b")) == 15
    pairs = data.paired_reference("held_out")
    assert pairs is not None and len(pairs) == 10
    assert all(pairs[i]["a"][0] == pairs[i]["b"][0] for i in range(10))
    with pytest.raises(ValueError, match="held_out_share must hold out some of the 40 sentences"):
        TwoTexts(paired=True, held_out_share=0.0).paired_reference("held_out")


def test_fingerprint_tells_words_pairs_and_families_apart() -> None:
    made = [TwoTexts(), TwoTexts(paired=True), TwoTexts(families=True), TwoTexts(paired=True)]
    prints = [data.fingerprint() for data in made]
    assert len(set(prints)) == 3 and prints[1] == prints[3]


def test_a_base_without_text_says_so() -> None:
    with pytest.raises(ValueError, match=r"class must override load_corpora\(\), got 'Unpaired"):
        UnpairedSentences().prepare_data()
