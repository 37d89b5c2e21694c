"""The texts of a recipe as they are written in its file.

YAML reads 1.10 and 2026_11_29 as numbers, true as a boolean and ~ as null. In a field of text, as
the name of a choice and among the values of a sweep they are what is written.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from rnnx.config.text_keys import is_group, is_text, may_be_null

NULL = "tag:yaml.org,2002:null"
SWEPT = ("hydra", "sweeper", "params")


def with_texts_in_quotes(text: str) -> str:
    """The text of a recipe, YAML without aliases, with quotes around each value that is a text."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = list(_texts(root, ())) if root is not None else []
    for node in sorted(found, key=lambda node: -node.start_mark.index):
        quoted = "'" + node.value.replace("'", "''") + "'"
        text = text[: node.start_mark.index] + quoted + text[node.end_mark.index :]
    return text


def _texts(node: yaml.Node, path: tuple[str, ...]) -> Iterator[yaml.ScalarNode]:
    """The values without quotes, not empty, whose keys hold text."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _texts(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode) and path == ("defaults",):
        for item in node.value:
            yield from _texts(item, path)
    elif isinstance(node, yaml.ScalarNode):
        is_plain = node.style is None and node.value
        if is_plain and _holds_text(path, is_null=node.tag == NULL):
            yield node


def _holds_text(path: tuple[str, ...], is_null: bool) -> bool:
    if path[:-1] == SWEPT:  # read again in Hydra's grammar
        return True
    if path[0] == "defaults":
        group = path[-1].removeprefix("override ").removeprefix("optional ").strip().lstrip("/")
        return is_group(group) and not is_null
    key = ".".join(path)
    return is_text(key) and not (is_null and may_be_null(key))
