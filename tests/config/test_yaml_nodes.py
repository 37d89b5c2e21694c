"""A YAML text is looked through before anything is made of it."""

import pytest
import yaml

from rnnx.config.yaml_nodes import nodes


def test_every_node_with_its_line_and_depth() -> None:
    found = list(nodes("a: [1, 'two']\nb: {c: *d}\n"))
    texts = [(node.text, node.line, node.depth) for node in found if node.text]
    assert texts == [("a", 1, 1), ("1", 1, 2), ("two", 1, 2), ("b", 2, 1), ("c", 2, 2)]
    assert [node.line for node in found if not node.is_plain] == [2]


@pytest.mark.parametrize(
    "text", ["&a [*a]", "!!python/name:os.system x", "!mine {a: 1}", "[!!int 3]"]
)
def test_an_alias_or_a_tag_is_not_plain(text: str) -> None:
    assert not all(node.is_plain for node in nodes(text))


def test_what_is_no_yaml_raises() -> None:
    with pytest.raises(yaml.YAMLError):
        list(nodes("a: [1"))
