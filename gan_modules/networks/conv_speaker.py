"""A generator of whole sentences: all tokens at once, of one latent."""

from __future__ import annotations

from torch import Tensor, nn

from gan_modules.networks.checks import require_positive

#: Of numbers uniform in [0, 1), so that they have variance 1.
_SPREAD = 12.0**0.5


class ConvSpeaker(nn.Module):
    """Residual convolutions over the places of a sentence (arXiv:1704.00028).

    The blocks are added with a factor of 0.3, as in the authors' code.

    Args:
        vocabulary_size: V, special tokens included.
        length: T of the sentences.
        latent_dim: numbers of the latent.
        width: channels; the authors have 512.
        blocks: residual blocks of two convolutions; the authors have 5.
        kernel: places that a convolution sees, odd.
        special_tokens: whether sentences end with ``EOS``; False: T raw numbers below V.

    Raises:
        ValueError: if a count is not positive, or the kernel is even.
    """

    def __init__(
        self,
        vocabulary_size: int,
        length: int,
        latent_dim: int = 64,
        width: int = 64,
        blocks: int = 3,
        kernel: int = 5,
        special_tokens: bool = True,
    ) -> None:
        super().__init__()
        require_positive(
            "ConvSpeaker",
            vocabulary_size=vocabulary_size,
            length=length,
            latent_dim=latent_dim,
            width=width,
            blocks=blocks,
            kernel=kernel,
        )
        if kernel % 2 == 0:
            raise ValueError(f"ConvSpeaker: kernel must be odd, got {kernel}; give 3 or 5")
        self.vocabulary_size, self.length, self.latent_dim = vocabulary_size, length, latent_dim
        self.special_tokens, self.width = special_tokens, width
        self.spread = nn.Linear(latent_dim, length * width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv1d(width, width, kernel, padding=kernel // 2),
                nn.ReLU(),
                nn.Conv1d(width, width, kernel, padding=kernel // 2),
            )
            for _ in range(blocks)
        )
        self.head = nn.Conv1d(width, vocabulary_size, 1)

    def forward(self, uniforms: Tensor) -> Tensor:
        """Logits ``(N, T, V)`` of uniform numbers ``(N, latent_dim)`` in [0, 1)."""
        hidden = self.spread((uniforms - 0.5) * _SPREAD).view(-1, self.width, self.length)
        for block in self.blocks:
            hidden = hidden + 0.3 * block(hidden)
        logits: Tensor = self.head(hidden)
        return logits.transpose(1, 2)
