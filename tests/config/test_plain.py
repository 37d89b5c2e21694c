"""A configuration that is stored has plain values alone."""

import math
from typing import Any

import pytest

from rnnx.config.plain import not_plain

PLAIN = [
    None,
    True,
    0,
    -(2**63),
    2**63 - 1,
    0.5,
    math.nan,
    math.inf,
    "",
    "é 🦕",
    "$HOME",
    "{x}",
    r"x\${b}",
]


def nested(levels: int, value: Any = 1) -> Any:
    """``value`` in so many mappings."""
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_plain_wherever_they_stand(value: Any) -> None:
    assert not_plain({"a": value, "b": {"c": [value, {"d": value}, []]}, "e": {}}) == ""


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"a": "${b}"}, "a holds an interpolation ('${b}')"),
        ({"a": r"x\\${b}"}, r"a holds an interpolation ('x\\\\${b}')"),
        ({"a": {r"\${b}": 1}}, r"a.\${b} holds an interpolation ('\\${b}')"),
        ({"a": {"b": [0, "${c}"]}}, "a.b.1 holds an interpolation ('${c}')"),
        ({"a": {"${b}": 1}}, "a.${b} holds an interpolation ('${b}')"),
        ({"a": "x\0"}, "a holds characters that are no text ('x\\x00')"),
        ({"a": "\ud800"}, "a holds characters that are no text ('\\ud800')"),
        ({"a": 2**63}, "a is too large a number"),
        ({"a": -(2**63) - 1}, "a is too large a number"),
        ({"a": (1,)}, "a is a tuple, or nested too deep"),
        ({"a": b"x"}, "a is a bytes, or nested too deep"),
    ],
    ids=str,
)
def test_what_is_not_plain_is_told_with_its_place(config: dict[str, Any], said: str) -> None:
    assert not_plain({"before": 1, **config}) == f"{said}; a configuration has plain values only"


def test_a_key_is_a_text() -> None:
    assert not_plain({"a": {1: 2}}).startswith("a.1 ")


def test_nesting_has_an_end() -> None:
    assert not_plain(nested(15)) == ""
    assert "nested too deep" in not_plain(nested(16, {}))
    assert "nested too deep" in not_plain(nested(1000))
