"""The check that an optimizer's update can be applied by parameter groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import NUMPY
from rnnx.contracts.updates import Group
from rnnx.registry.updates import grouped, groups_of
from rnnx.testing.suite import expect


class _Owner:
    """Names groups of the first layer's parameters."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups

    def parameter_groups(self) -> Mapping[str, Group]:
        return self._groups


FROZEN, HALF, BARE = Group(rate=0), Group(rate=0.5), Group(decay=False)


def moves(
    optimizer: Any, groups: Mapping[str, Group], updates: int, size: float
) -> tuple[Parameters, Parameters]:
    """The moves of a layer and a head in so many updates, and where they began.

    ``size`` is the scale of the gradients.
    """
    rng = np.random.default_rng(3)
    shapes = {"layer": {"W": (6, 4), "U": (6, 3), "b": (6, 1)}, "head": {"Wy": (5, 3)}}
    tree = {
        part: {name: rng.normal(size=shape) for name, shape in arrays.items()}
        for part, arrays in shapes.items()
    }
    params = Parameters(tree, np.float64)
    begin, scratch, state = params.copy(), Scratch(), optimizer.init(params)
    owners = {"layer": _Owner(groups)} if groups else {}
    update = grouped(optimizer, groups_of(optimizer, owners, params)).on(NUMPY)
    for step in range(1, updates + 1):
        grads = params.zeros_like()
        grads.flat[:] = size * rng.normal(size=params.size)
        update(params, grads, state, 0.01, step, scratch)
    found = params.copy()
    found.flat -= begin.flat
    return found, begin


def check_groups(optimizer: Any) -> None:
    """By groups, each parameter moves at its own rate, or is not decayed, and no other changes."""
    groups = {"W": FROZEN, "U": HALF, "b": BARE}
    plain, _ = moves(optimizer, {}, 1, 1.0)
    found, _ = moves(optimizer, groups, 1, 1.0)
    advice = "by groups; give the optimizer update_groups"
    half = np.allclose(2 * found["layer"]["U"], plain["layer"]["U"], rtol=1e-6, atol=1e-12)
    expect(half, f"half the rate does not move half as far {advice}")
    plain, _ = moves(optimizer, {}, 20, 1.0)
    found, _ = moves(optimizer, groups, 20, 1.0)
    expect(not found["layer"]["W"].any(), f"a rate of 0 moves parameters {advice}")
    alike = np.array_equal(found["head"]["Wy"], plain["head"]["Wy"])
    expect(alike, f"parameters in no group move otherwise {advice}")
    found, begin = moves(optimizer, {"b": BARE}, 3, 0.0)
    moved = np.abs(found["layer"]["b"]) > 1e-12 * np.abs(begin["layer"]["b"])
    expect(not moved.any(), f"parameters without decay move without a gradient {advice}")
