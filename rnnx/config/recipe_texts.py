"""The texts of a recipe as they are written in its file.

YAML reads 1.10 and 2026_11_29 as numbers, true as a boolean and ~ as null, and OmegaConf looks up
every ``${…}``. In a field of text, alone or in lists and mappings, as the name of a choice and
among the values of a sweep they are what is written, as on the command line.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from rnnx.config.interpolations import from_typed, literal
from rnnx.config.text_keys import Form, Listed, Mapped, Text, form_of, is_group

NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"  # <<: of a mapping whose keys are taken over
SWEPT = ("hydra", "sweeper", "params")


def with_texts_in_quotes(text: str) -> str:
    """The text of a recipe with quotes around each value that is a text."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    # One that an alias repeats is found twice.
    found = dict(_texts(root, ())) if root is not None else {}
    for node in sorted(found, key=lambda node: -node.start_mark.index):
        start, end = node.start_mark.index, node.end_mark.index
        if text[start] in "&!":  # an anchor or a tag, and then the value
            start = end - len(node.value)
            if text[start:end] != node.value:
                continue
        line = "\n" if node.style in ("|", ">") else ""
        text = text[:start] + found[node] + line + text[end:]
    return text


def _texts(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[yaml.ScalarNode, str]]:
    """The values whose keys hold text, each with what is to be written in its place."""
    if form := form_of(".".join(path)) if path[:1] != ("defaults",) else None:
        yield from _in_form(node, form)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _texts(value, path if key.tag == MERGE else (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode) and path == ("defaults",):
        for item in node.value:
            yield from _texts(item, path)
    elif isinstance(node, yaml.ScalarNode) and path[:-1] == SWEPT:  # read again as if typed
        if "${" in node.value and form_of(path[-1]):
            yield node, _quoted(literal(node.value))
        elif _is_bare(node):
            yield node, _quoted(node.value)
    elif path[:1] == ("defaults",) and _is_bare(node) and _is_choice(path[-1], node):
        yield node, _quoted(node.value)


def _in_form(node: yaml.Node, form: Form) -> Iterator[tuple[yaml.ScalarNode, str]]:
    if isinstance(node, yaml.ScalarNode) and isinstance(form, Text):
        if from_typed(node.value) != node.value:
            yield node, _quoted(from_typed(node.value))
        elif _is_bare(node) and not (node.tag == NULL and form.may_be_null):
            yield node, _quoted(node.value)
    elif isinstance(node, yaml.SequenceNode) and isinstance(form, Listed):
        for item in node.value:
            yield from _in_form(item, form.inner)
    elif isinstance(node, yaml.MappingNode) and isinstance(form, Mapped):
        for key, value in node.value:
            if _is_bare(key) and key.tag != MERGE:
                yield key, _quoted(key.value)
            yield from _in_form(value, form.inner)


def _is_bare(node: yaml.Node) -> bool:
    """Whether it is a value without quotes, and not empty."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and bool(node.value)


def _quoted(text: str) -> str:
    """The text in YAML; a line break in single quotes would become a blank."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'


def _is_choice(key: str, node: yaml.Node) -> bool:
    """Whether an item of a list of defaults names a choice."""
    group = key.removeprefix("override ").removeprefix("optional ").strip().lstrip("/")
    return is_group(group) and node.tag != NULL
