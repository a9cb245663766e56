"""A random recurrent network as a language: the likelihood of any sentence is known exactly.

SeqGAN (arXiv:1609.05473, section 4) scores generated sentences by what it makes of them.
"""

import numpy as np
import torch
from torch import Tensor, nn

from datamodules.source import refusal

_WIDTH = 32
#: Sentences that are worked on at once: some 40 MB at 5,000 words.
_ROWS = 1024


class OracleLSTM(nn.Module):
    """A language whose every parameter is drawn from N(0, 1), in float64.

    A sentence begins behind the word 0, which is an ordinary word otherwise, and a state of zeros.
    The parameters are those of one seed on every machine, and are never trained. How predictable
    the language is depends on the seed: of two oracles, no numbers can be compared.

    Args:
        vocabulary_size: V words, at least 2.
        length: T words in every sentence, at least 1.
        seed: of the parameters, at least 0.

    Raises:
        ValueError: when an argument is out of range.
    """

    def __init__(self, vocabulary_size: int = 500, length: int = 12, seed: int = 0) -> None:
        super().__init__()
        check_oracle(type(self).__name__, vocabulary_size, length, "seed", seed)
        self.vocabulary_size, self.length = vocabulary_size, length
        source = np.random.Generator(np.random.PCG64(seed))

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy(source.standard_normal(shape)), False)

        self.embedding = drawn(vocabulary_size, _WIDTH)
        # Gates in the order of torch: input, forget, cell, output. One bias, not torch's two, whose
        # sum would have twice the variance.
        self.gates = drawn(4 * _WIDTH, _WIDTH)
        self.recurrent_gates = drawn(4 * _WIDTH, _WIDTH)
        self.gates_bias = drawn(4 * _WIDTH)
        self.output = drawn(vocabulary_size, _WIDTH)
        self.output_bias = drawn(vocabulary_size)

    @torch.no_grad()
    def draw(self, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """Turn uniform numbers into sentences, one number for each word, by the inverse CDF.

        Args:
            uniforms: ``(N, T)`` in [0, 1).

        Returns:
            int64 ``(N, T)`` words, and ``(N, T)`` the logarithm in nats of the probability of each
            word given those before it, in the type of the parameters.
        """
        words, log_probabilities = [], []
        state = self._begin(len(uniforms))
        word = torch.zeros(len(uniforms), dtype=torch.int64, device=self.output.device)
        for uniform in uniforms.to(self.output).unbind(1):
            scores, state = self._step(word, state)
            cumulative = scores.exp().cumsum(1)
            # From the right, so that a word of probability 0 is not drawn by the number 0.
            places = torch.searchsorted(
                cumulative, uniform[:, None] * cumulative[:, -1:], right=True
            )
            word = places[:, 0].clamp_max(self.vocabulary_size - 1)
            words.append(word)
            log_probabilities.append(scores.gather(1, word[:, None])[:, 0])
        return torch.stack(words, 1), torch.stack(log_probabilities, 1)

    def sample(self, n: int, seed: int) -> Tensor:
        """Draw sentences; the first ones do not depend on how many there are.

        Args:
            n: how many, at least 1.
            seed: of the draw, at least 0.

        Returns:
            int64 ``(n, T)`` words.
        """
        source = np.random.Generator(np.random.PCG64(seed))
        uniforms = torch.from_numpy(source.random((n, self.length)))
        return torch.cat([self.draw(rows)[0] for rows in uniforms.split(_ROWS)])

    @torch.no_grad()
    def log_probabilities(self, tokens: Tensor) -> Tensor:
        """Say how likely each word was, given those before it.

        Args:
            tokens: int64 ``(N, T)`` words.

        Returns:
            ``(N, T)`` in nats, at most 0, in the type and on the device of the parameters.

        Raises:
            ValueError: when there are other than T words, or words that are not in the vocabulary.
        """
        self._check_tokens(tokens)
        tokens = tokens.to(self.output.device)
        state, found = self._begin(len(tokens)), []
        before = torch.cat([torch.zeros_like(tokens[:, :1]), tokens[:, :-1]], 1)
        for word, following in zip(before.unbind(1), tokens.unbind(1), strict=True):
            scores, state = self._step(word, state)
            found.append(scores.gather(1, following[:, None])[:, 0])
        return torch.stack(found, 1)

    def nll(self, tokens: Tensor) -> Tensor:
        """Score sentences: SeqGAN's NLL_oracle, the mean over all words of all sentences.

        It measures quality alone: a generator of the one likeliest sentence beats the oracle.

        Args:
            tokens: int64 ``(N, T)`` words, N at least 1.

        Returns:
            () in nats a word; lower is better.

        Raises:
            ValueError: see :meth:`log_probabilities`.
        """
        parts = [self.log_probabilities(rows).sum() for rows in tokens.split(_ROWS)]
        return -torch.stack(parts).sum() / tokens.numel()

    def _begin(self, n: int) -> tuple[Tensor, Tensor]:
        zeros = self.output.new_zeros(n, _WIDTH)
        return zeros, zeros

    def _step(
        self, word: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read a word ``(N,)``; return log-probabilities ``(N, V)`` of the next, and the state."""
        hidden, cell = state
        gates = self.embedding[word] @ self.gates.T + hidden @ self.recurrent_gates.T
        enter, keep, new, shown = (gates + self.gates_bias).chunk(4, 1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
        hidden = shown.sigmoid() * cell.tanh()
        return (hidden @ self.output.T + self.output_bias).log_softmax(1), (hidden, cell)

    def _check_tokens(self, tokens: Tensor) -> None:
        own = type(self).__name__
        if tokens.ndim != 2 or tokens.shape[1] != self.length or not len(tokens):
            raise refusal(
                own,
                "tokens",
                f"have the shape (N, {self.length}), N at least 1",
                tuple(tokens.shape),
                "give whole sentences of this oracle's length",
            )
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= self.vocabulary_size:
            raise refusal(
                own,
                "tokens",
                f"lie in 0..{self.vocabulary_size - 1}",
                f"{low}..{high}",
                "give the generator the vocabulary of the data",
            )


def check_oracle(owner: str, vocabulary_size: int, length: int, seed_name: str, seed: int) -> None:
    """Refuse numbers that no oracle can be made of."""
    for name, value, least, usual in (
        ("vocabulary_size", vocabulary_size, 2, 500),
        ("length", length, 1, 12),
        (seed_name, seed, 0, 0),
    ):
        if value < least:
            raise refusal(owner, name, f"be at least {least}", value, f"set {name}: {usual}")
