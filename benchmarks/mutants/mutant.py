"""One wrong version of the library, as a change of its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """A change of one place.

    Args:
        file: below the root of the repository.
        old: text that stands there exactly once.
        new: what stands there instead.
        tests: files, or files and names as pytest takes them, of which one must fail.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def module(self) -> str:
        """Dotted name of the module that is changed."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def title(self) -> str:
        """One line: where, and what became what."""
        return f"{self.file}: {_short(self.old)} -> {_short(self.new)}"

    def source(self) -> str:
        """The changed text of the file.

        Raises:
            ValueError: ``old`` does not stand there exactly once, or the change is none.
        """
        text = (ROOT / self.file).read_text()
        if text.count(self.old) != 1 or self.old == self.new:
            raise ValueError(
                f"Mutant: old must stand exactly once in {self.file} and differ from new, got "
                f"{self.old!r} {text.count(self.old)} times; quote more of the line"
            )
        return text.replace(self.old, self.new)


def _short(text: str) -> str:
    return " ".join(text.split()) or "nothing"


def mutants_of(file: str, tests: tuple[str, ...], *changes: tuple[str, str]) -> tuple[Mutant, ...]:
    """Several changes of one file under one guard.

    Args:
        file: below the root of the repository.
        tests: which of them must notice.
        *changes: pairs of old and new text.
    """
    return tuple(Mutant(file, old, new, tests) for old, new in changes)
