"""Names are unique in a kind; an unknown one is answered with the choices."""

from dataclasses import dataclass

import pytest

from rnnx.errors import UnknownComponent
from rnnx.registry.registry import Entry, Owner, Registry


@dataclass(frozen=True)
class Thing:
    size: int = 1


def entry(name: str, distribution: str) -> Entry:
    return Entry("cell", name, Thing, Owner(distribution, "1.0", "cells = somewhere"))


def test_a_name_is_found_again() -> None:
    registry = Registry()
    assert registry.add(entry("scrn", "plugin"), keeps_names="rnnx") is None
    assert registry.get("cell", "scrn").component is Thing
    assert registry.names("cell") == ["scrn"]


def test_two_plugins_with_one_name_both_lose_it() -> None:
    registry = Registry()
    registry.add(entry("scrn", "one"), keeps_names="rnnx")
    conflict = registry.add(entry("scrn", "two"), keeps_names="rnnx")
    assert conflict is not None
    assert "one 1.0" in conflict
    assert "two 1.0" in conflict
    assert registry.names("cell") == []
    with pytest.raises(UnknownComponent, match=r"one 1\.0 and two 1\.0.*uninstall"):
        registry.get("cell", "scrn")


def test_a_third_owner_does_not_get_a_disabled_name() -> None:
    registry = Registry()
    for distribution in ("one", "two", "three"):
        conflict = registry.add(entry("scrn", distribution), keeps_names="rnnx")
    assert conflict is not None
    assert "three" in conflict
    assert registry.names("cell") == []


def test_a_built_in_keeps_its_name() -> None:
    registry = Registry()
    built_in = entry("lstm", "rnnx")
    registry.add(built_in, keeps_names="rnnx")
    conflict = registry.add(entry("lstm", "plugin"), keeps_names="rnnx")
    assert conflict is not None
    assert "built-in one stays" in conflict
    assert registry.get("cell", "lstm") is built_in


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ltsm", "did you mean lstm"), ("quux", "no installed plugin provides 'quux'")],
)
def test_an_unknown_name_is_answered_with_the_choices(name: str, expected: str) -> None:
    registry = Registry()
    registry.add(entry("lstm", "rnnx"), keeps_names="rnnx")
    registry.add(entry("gru", "rnnx"), keeps_names="rnnx")
    with pytest.raises(UnknownComponent, match=expected) as caught:
        registry.get("cell", name)
    assert "choose from gru, lstm" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entries_come_in_flow_order() -> None:
    registry = Registry()
    for kind, name in [("sampler", "a"), ("cell", "b"), ("cell", "a"), ("dataset", "z")]:
        registry.add(Entry(kind, name, Thing, Owner("rnnx", "1", "")), keeps_names="rnnx")
    found = [(e.kind, e.name) for e in registry]
    assert found == [("dataset", "z"), ("cell", "a"), ("cell", "b"), ("sampler", "a")]
