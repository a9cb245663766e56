"""The domains of a run and the ways between them, as people name them."""

from __future__ import annotations

from typing import Any

from experiments.errors import CommandError
from experiments.opening import OpenedRun, build


class Domains:
    """The domains of a run: their names, and the images that its translators were trained on.

    Args:
        module: the translation.
        titles: what people call each domain.
        shapes: (C, H, W) of each domain.
    """

    def __init__(
        self, module: Any, titles: dict[str, str], shapes: dict[str, tuple[int, ...]]
    ) -> None:
        self.module, self.titles, self.shapes = module, titles, shapes

    @classmethod
    def of(cls, opened: OpenedRun) -> Domains:
        """Ask the checkpoint, and for titles the run's data module: its data may be gone."""
        try:
            titles = getattr(build(opened.settings["data"]), "domain_titles", None) or {}
        except (ValueError, OSError, CommandError):
            titles = {}
        names = {domain: titles.get(domain, domain) for domain in opened.module.domains}
        return cls(opened.module, names, opened.module.image_shapes)

    @property
    def edge(self) -> int:
        """Edge of the images in training."""
        return int(max(next(iter(self.shapes.values()))[1:]))

    def channels(self, domain: str) -> int:
        """Of a domain's images.

        Raises:
            CommandError: more than a file can hold.
        """
        channels = int(self.shapes[domain][0])
        if channels > 4:
            raise CommandError(
                f"domain {domain} must have 1 to 4 channels to be given files, got {channels}; "
                "translate arrays in Python: gan_modules.load(...).translate"
            )
        return channels

    def chosen(self, source: str | None, target: str | None) -> tuple[str, str]:
        """The direction that is meant, by names or titles.

        Raises:
            CommandError: it is unknown, or several are possible.
        """
        one, other = self._named("--from", source), self._named("--to", target)
        fitting = [
            (s, t) for s, t in self.module.directions if one in (None, s) and other in (None, t)
        ]
        known = ", ".join(
            f"{self.titles[s]} to {self.titles[t]}" for s, t in self.module.directions
        )
        if not fitting:
            raise CommandError(
                f"--to must be a direction of the run, got {source or 'any'} to {target or 'any'}; "
                f"there is {known}"
            )
        # A network that is told the target alone does the same for every source.
        if len({t for _, t in fitting}) > 1 or (len(fitting) > 1 and len(self.titles) < 3):
            raise CommandError(f"--to must be given where there are several ways: {known}")
        return fitting[0]

    def _named(self, option: str, name: str | None) -> str | None:
        if name is None:
            return None
        for domain, title in self.titles.items():
            if name.casefold() in (domain.casefold(), title.casefold()):
                return domain
        known = ", ".join(
            domain if domain == title else f"{domain} ({title})"
            for domain, title in self.titles.items()
        )
        raise CommandError(f"{option} must be a domain of the run, got {name!r}; there is {known}")
