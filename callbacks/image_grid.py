"""The axis on which callbacks act: every so many real images."""


class ImageGrid:
    """Lines of a grid of images_seen.

    Args:
        every: real images between two lines; None: there are none.
    """

    def __init__(self, every: int | None) -> None:
        self.every = every
        self._seen = 0

    def start(self, images_seen: int) -> None:
        """Take the place on the grid when training starts or goes on."""
        self._seen = images_seen

    def crossed(self, images_seen: int) -> bool:
        """Whether a line lies between the moment of the last call and this one, or on it."""
        before, self._seen = self._seen, images_seen
        return self.every is not None and images_seen // self.every > before // self.every
