"""Overrides as a user types them."""

import pytest

from rnnx.config.overrides import parse, quoted
from rnnx.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("steps=3", "steps=3"),
        ("dataset.path=names.txt", "dataset.path=names.txt"),
        ("dataset.path=恐龙.txt", "dataset.path='恐龙.txt'"),
        ("dataset.path=a=b.txt", "dataset.path='a=b.txt'"),
        ("dataset.path=it's", "dataset.path='it\\'s'"),
        ("dataset.path=a\\b=c", "dataset.path='a\\\\b=c'"),
        ("dataset.path='恐龙.txt'", "dataset.path='恐龙.txt'"),
        ("x=[1", "x='[1'"),
        ("seed=0,1", "seed=0,1"),
        ("dataset.path=恐.txt,龙.txt", "dataset.path=恐.txt,龙.txt"),  # several: not one word
        ("steps", "steps"),
        ("x=", "x="),
    ],
)
def test_quotes_stand_where_hydra_s_grammar_needs_them(typed: str, read: str) -> None:
    assert quoted([typed, "seed=1"]) == [read, "seed=1"]


def test_keys_and_values_are_read_in_order() -> None:
    found = list(parse(["cell=gru", "dataset.path=a=b.txt", "seed=0,1", "hydra/launcher=basic"]))
    keys = [override.key_or_group for override in found]
    assert keys == ["cell", "dataset.path", "seed", "hydra/launcher"]
    assert [override.is_sweep_override() for override in found] == [False, False, True, False]
    assert found[1].value() == "a=b.txt"


@pytest.mark.parametrize("typed", ["+x=1", "++x=1", "~x", "~cell", "+cell=gru"])
def test_keys_are_neither_added_nor_deleted(typed: str) -> None:
    with pytest.raises(ConfigError, match="keys cannot be added or deleted"):
        parse(["steps=1", typed])


@pytest.mark.parametrize("typed", ["+hydra.launcher.x=1", "++hydra.x=1", "~hydra.x"])
def test_hydra_s_own_keys_may_be(typed: str) -> None:
    (override,) = parse([typed])
    assert override.key_or_group.startswith("hydra")


@pytest.mark.parametrize("typed", ["steps", "=3", "", "a=[1,2", "恐龙", "x=" + "1" * 5000])
def test_what_is_no_override_is_one_line(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"is not of the form key=value") as error:
        parse([typed])
    assert "\n" not in str(error.value)
