"""Overrides are parsed once and travel parsed; a resolved configuration brings its components."""

import pytest

from rnnx.config.compose import compose, resolve
from rnnx.config.overrides import Overrides, parse, quoted
from rnnx.errors import ConfigError


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
