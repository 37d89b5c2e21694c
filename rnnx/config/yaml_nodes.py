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
