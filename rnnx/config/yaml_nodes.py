"""The nodes of a YAML text, read before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Node(NamedTuple):
    """A key, a value, an alias, or the start of a mapping or a list."""

    line: int
    depth: int  # of mappings and lists around it, itself counted
    text: str  # of a key or a value; else empty
    is_plain: bool  # no alias, which stands for another node, and no tag, which names a type


def nodes(text: str) -> Iterator[Node]:
    """Every node in its order; yaml.YAMLError where the text is no YAML."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.NodeEvent):
            is_alias = isinstance(event, yaml.AliasEvent)
            is_plain = not is_alias and not getattr(event, "tag", None)
            text = event.value if isinstance(event, yaml.ScalarEvent) else ""
            yield Node(event.start_mark.line + 1, depth, text, is_plain)


def refuse_more_than_plain(text: str, deepest: int) -> None:
    """ValueError unless the text is mappings, lists and values alone; nothing is made of it yet.

    Aliases of aliases grow without bounds, and a tag names a type to make of a value.
    """
    for node in nodes(text):
        if node.depth > deepest:
            raise ValueError("it is nested too deep")
        if not node.is_plain:
            raise ValueError(f"line {node.line}: holds an alias or a tag")
