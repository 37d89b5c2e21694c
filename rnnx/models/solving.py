"""The hidden size of a network with about so many parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnx.contracts.components import Cell
from rnnx.errors import ConfigError, OutOfMemory
from rnnx.models.growth import extrapolated, is_parabola
from rnnx.models.network import Network
from rnnx.system.memory import free_bytes

SURE = 2**22  # parameters, up to which a network is made to be counted
MOST_UNITS = 2**24
GAP = 64  # units, beside as many again, among which a cell that refuses some sizes has another


class Solved(NamedTuple):
    """A hidden size and the parameters that the network has with it."""

    size: int
    parameters: int


def size_for(network: Network, wanted: int) -> Solved:
    """The hidden size of ``network``'s cell at which its parameters are nearest to ``wanted``.

    Of two as near the smaller. Raises ConfigError where all sizes have more, or none has as many.
    """
    count = functools.cache(lambda n: _counted(network, n))
    free = free_bytes()
    if free is not None and 4 * wanted > free:
        needed = f"take {wanted * 4 / 2**30:,.1f} GiB of memory, and {free / 2**30:,.1f} are free"
        raise OutOfMemory(f"params={wanted:,}: they {needed}; choose fewer")
    if is_parabola(count):
        found = _nearest(network, lambda n: extrapolated(count, n), wanted)
        parameters = extrapolated(count, found)
        if wanted > SURE or count(found) == parameters:
            return Solved(found, parameters)
    found = _nearest(network, count, wanted)
    return Solved(found, count(found))


def _counted(network: Network, n: int) -> int:
    """The parameters with ``n`` units; ConfigError where the cell or its block refuses so many."""
    return _sized(network, n).init(np.random.default_rng(0), np.float32).size


def _sized(network: Network, n: int) -> Network:
    cell: Cell = replace(network.cell, hidden_size=n)  # type: ignore[type-var]
    return replace(network, cell=cell)


def _nearest(network: Network, count: Callable[[int], int], wanted: int) -> int:
    """The same, where ``count`` tells the parameters at a size that the cell takes."""
    possible = functools.cache(lambda n: _first_possible(network, count, n))

    def fits(n: int) -> bool:
        size = possible(n)
        return size is not None and count(size) <= wanted

    first = possible(1)
    if first is None:
        _counted(network, 1)  # raises what says which sizes there are
        raise ConfigError(f"params={wanted:,}: no hidden_size up to {GAP} can be had")
    if not fits(1):
        raise ConfigError(
            f"params={wanted:,}: this network has at least {count(first):,} "
            f"(hidden_size={first}); give as many or more"
        )
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
        if high > MOST_UNITS:
            raise ConfigError(f"params={wanted:,}: needs more than {low:,} units; give fewer")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    below, above = possible(low) or first, possible(high)
    if above is None or wanted - count(below) <= count(above) - wanted:
        return below
    return above


def _first_possible(network: Network, count: Callable[[int], int], n: int) -> int | None:
    """The first hidden size from ``n`` on that can be had."""
    for size in range(n, 2 * n + GAP):
        with suppress(ConfigError):
            _sized(network, size)
            count(size)
            return size
    return None
