"""Components broken in one way, for checking the checkers."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from rnnx.testing import CheckFailed


def mutant(base: Any, **methods: Callable[..., Any]) -> Any:
    """The component ``base`` with methods replaced; each gets the right one as ``right``."""

    def wrapped(name: str, new: Callable[..., Any]) -> Callable[..., Any]:
        right = getattr(type(base), name)
        return lambda self, *args: new(lambda *a: right(self, *a), *args)

    made = type("Mutant", (type(base),), {n: wrapped(n, m) for n, m in methods.items()})
    return made(**{item.name: getattr(base, item.name) for item in fields(base)})


def assert_all_caught(checks: Any, mutants: dict[str, list[Any]]) -> None:
    """Every check of a module fails on each of its mutants, and none is without one."""
    assert mutants.keys() == {check.__name__ for check in checks.CHECKS}
    for name, broken in mutants.items():
        for i, component in enumerate(broken):
            try:
                getattr(checks, name)(component)
            except CheckFailed as failure:
                assert str(failure)
            else:
                pytest.fail(f"{name} passes mutant {i}")
