"""Overrides as a user types them: parsed once, they travel parsed."""

import pytest

from rnnx.config.compose import compose, resolve
from rnnx.config.overrides import Overrides, parse, quoted
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


def test_what_is_parsed_stays_as_it_is() -> None:
    parsed = parse(["cell=gru", "seed=1,2", "dataset.path=恐龙.txt"])
    assert parse(parsed) is parsed
    assert parsed.keys == {"cell", "seed", "dataset.path"}
    assert parsed.texts == ["cell=gru", "seed=1,2", "dataset.path='恐龙.txt'"]
    assert parsed.single.texts == ["cell=gru", "dataset.path='恐龙.txt'"]
    assert parsed.swept.texts == ["seed=1,2"]
    assert parsed.single + parsed.swept == Overrides((*parsed.single, *parsed.swept))


def test_one_run_has_one_value_a_key() -> None:
    with pytest.raises(ConfigError, match="seed=1,2: has several values; add -m"):
        resolve(["cell=gru", "seed=1,2"])


def test_what_cannot_be_parsed_is_quoted_or_left() -> None:
    assert quoted(["a=b=c", "+x=1", "seed=恐,1", "foo"]) == ["a='b=c'", "+x=1", "seed=恐,1", "foo"]
    with pytest.raises(ConfigError, match="'seed=恐,1': is not of the form key=value"):
        parse(["cell=gru", "seed=恐,1"])


def test_a_resolved_configuration_has_its_settings_and_components() -> None:
    parsed = parse(["cell=gru", "cell.hidden_size=7", "steps=3", "probe=gradient_norms"])
    resolved = resolve(parsed)
    assert resolved.values == compose(parsed)
    assert resolved.settings.steps == 3
    assert resolved.components.cell.hidden_size == 7
    assert set(resolved.components.probes) == {"gradient_norms"}
