"""Components broken in one way, for checking the checkers."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

import rnnx
from rnnx.testing import CheckFailed


def mutant(base: Any, **methods: Callable[..., Any]) -> Any:
    """``base`` (a component or a class) with methods replaced; each gets the old as ``right``."""
    base = base() if isinstance(base, type) else base

    def wrapped(name: str, new: Callable[..., Any]) -> Callable[..., Any]:
        right = getattr(type(base), name)
        return lambda self, *args: new(lambda *a: right(self, *a), *args)

    made = type("Mutant", (type(base),), {n: wrapped(n, m) for n, m in methods.items()})
    return made(**{item.name: getattr(base, item.name) for item in fields(base)})


def changed_gradient(name: str, change: Callable[[Any], Any]) -> Callable[..., Any]:
    def backward(
        right: Callable[..., Any],
        params: rnnx.Params,
        cache: Any,
        dh: rnnx.Array,
        dstate: rnnx.State,
        scratch: rnnx.Scratch,
    ) -> Any:
        dparams, dx, back = right(params, cache, dh, dstate, scratch)
        return {**dparams, name: change(dparams[name])}, dx, back

    return backward


def assert_all_caught(checks: Any, mutants: dict[str, list[Any]]) -> None:
    """The checks of a module fail on each of their mutants."""
    assert mutants.keys() <= {check.__name__ for check in checks.CHECKS}
    for name, broken in mutants.items():
        for i, component in enumerate(broken):
            try:
                getattr(checks, name)(component)
            except CheckFailed as failure:
                assert str(failure)
            else:
                pytest.fail(f"{name} passes mutant {i}")
