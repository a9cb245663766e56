"""A rewriter of which everything is known: it says again what it read, as surely as one likes."""

from torch import Tensor, nn

from gan_modules.language.sentences import one_hot
from gan_modules.networks.reading import Reading
from tests.small.sizes import WORDS, WORDS_LENGTH


class Copier(nn.Module):
    """Logits are the sharpness at the token that was read at the place, and 0 elsewhere."""

    vocabulary_size, length, special_tokens, styles = WORDS, WORDS_LENGTH, True, 0

    def __init__(self, sharpness: float = 50.0) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(nn.init.constant_(Tensor(1), sharpness))

    def reading(self, symbols: Tensor, style: Tensor | None = None) -> Reading:
        if not symbols.is_floating_point():
            symbols = one_hot(symbols, WORDS, self.sharpness.dtype)
        return Reading(self, symbols, len(symbols))

    def embed(self, symbols: Tensor) -> Tensor:
        return symbols

    def begun(self, memory: Tensor) -> int:
        return 0

    def continued(self, embedded: Tensor, state: int, memory: Tensor) -> tuple[Tensor, int]:
        return self.sharpness * memory[:, state], state + 1

    def judged(self, tokens: Tensor, memory: Tensor) -> Tensor:
        return self.sharpness * memory
