"""A page as a tree, so that tests can ask what a reader would see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "input", "br", "wbr", "link", "hr"}


@dataclass
class Node:
    """An element; ``parts`` are its children and its texts, in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below, with single spaces."""
        return " ".join(
            "".join(p if isinstance(p, str) else f" {p.text} " for p in self.parts).split()
        )

    def all(self, tag: str = "", **wanted: str) -> Iterator[Node]:
        """Elements below, by tag and attributes; ``cls`` asks for one of the classes."""
        for part in self.parts:
            if isinstance(part, Node):
                if part._fits(tag, wanted):
                    yield part
                yield from part.all(tag, **wanted)

    def one(self, tag: str = "", **wanted: str) -> Node:
        """The only such element."""
        (found,) = self.all(tag, **wanted)
        return found

    def _fits(self, tag: str, wanted: dict[str, str]) -> bool:
        classes = self.attributes.get("class", "").split()
        same = all(
            value in classes if name == "cls" else self.attributes.get(name) == value
            for name, value in wanted.items()
        )
        return same and tag in ("", self.tag)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"<{self.open[-1].tag}> is closed by </{tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def parse(page: str) -> Node:
    """The tree of a page; fails on elements that are not closed in order."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert len(builder.open) == 1, f"<{builder.open[-1].tag}> is not closed"
    return builder.open[0]
