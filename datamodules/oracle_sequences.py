"""Sentences of a random recurrent network, whose likelihood of any sentence is known exactly.

The synthetic task of SeqGAN (arXiv:1609.05473, section 4); :class:`OracleLSTM` is the network.
"""

from typing import Any

import numpy as np

from datamodules.oracle_lstm import OracleLSTM, check_oracle
from datamodules.sequences import LoadedSentences, SentenceDataModule

_DRAW_SEED = 20160918


class OracleSequences(SentenceDataModule):
    """Sentences drawn once from an :class:`OracleLSTM`: raw numbers of words, all T of them.

    Args:
        vocabulary_size: V; the paper has 5,000, at least 2.
        length: T; the paper has 20.
        samples: how many sentences, held-out ones included; the paper has 10,000.
        oracle_seed: of the oracle's parameters.
        **kwargs: see :class:`datamodules.sequences.SentenceDataModule`.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(
        self,
        vocabulary_size: int = 500,
        length: int = 12,
        samples: int = 2000,
        oracle_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_oracle(type(self).__name__, vocabulary_size, length, "oracle_seed", oracle_seed)
        if samples < 2:
            raise self._refusal("samples", "be at least 2", samples, "set samples: 2000")
        self.vocabulary_size, self.length = vocabulary_size, length
        self.samples, self.oracle_seed = samples, oracle_seed
        self._oracle: OracleLSTM | None = None

    def slug(self) -> str:
        """oracle-<vocabulary_size>-<length>."""
        return f"oracle-{self.vocabulary_size}-{self.length}"

    @property
    def oracle(self) -> OracleLSTM:
        """The network that the sentences are drawn from, on the CPU."""
        if self._oracle is None:
            self._oracle = OracleLSTM(self.vocabulary_size, self.length, self.oracle_seed)
        return self._oracle

    def load_sentences(self) -> LoadedSentences:
        """Draw the sentences; see the base."""
        tokens = self.oracle.sample(self.samples, _DRAW_SEED).numpy()
        # A sentence that was drawn twice stays on one side of the split.
        _, families = np.unique(tokens, axis=0, return_inverse=True)
        names = tuple(str(word) for word in range(self.vocabulary_size))
        return LoadedSentences(
            tokens, names, special_tokens=False, families=families.reshape(-1).astype(np.int64)
        )
