"""What a cell's two time loops are called with: the buffers, weights and products of one size.

A compiled cell makes it once for each size of a batch, so that one kernel can call all others
(:mod:`rnnx_builtin.kernels.rnn.joined`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.workspace import Workspace
from rnnx_builtin.kernels.simd import gemm
from rnnx_builtin.kernels.simd.compiling import Kernel


class Packing(NamedTuple):
    """How weights are packed at each step."""

    kernel: Kernel
    arguments: tuple[Any, ...]
    packed: Array


class Pass(NamedTuple):
    """One direction through time."""

    loop: Kernel
    packings: tuple[Packing, ...]  # all of them by the same kernel
    weights: tuple[Any, ...]  # what the loop takes of them and of the configuration


class Product(NamedTuple):
    """dWh[to:] = flats[left][first:last] @ flats[right]ᵀ over all valid tokens."""

    left: int
    first: int
    last: int
    right: int
    to: int


class BoundLoops(NamedTuple):
    """A cell's loops for T steps of B columns, whose dz is the first of ``flats``."""

    space: Workspace
    states: int  # arrays of a state
    own: tuple[Array, ...]  # the buffers of the loop backward
    ways: tuple[Pass, Pass]  # forward and backward
    flats: tuple[Array, ...]  # (·, ≥ T·B), what products are made of
    products: Array  # (·, 5): a Product each
    # Makes the gradients that NumPy sums, of the valid columns of each of ``flats``.
    finish: Callable[[Sequence[Array]], object] | None = None


def products(*rows: Product) -> Array:
    """The products as a kernel reads them."""
    return np.array(rows, np.int64)


def one_product(
    space: Workspace, states: int, own: Any, ways: tuple[Pass, Pass], dz: Array, before: Array
) -> BoundLoops:
    """Of a cell whose dWh is Σ dz·h⟨t−1⟩ᵀ."""
    whole = products(Product(left=0, first=0, last=len(dz), right=1, to=0))
    return BoundLoops(space, states, tuple(own), ways, (dz, before), whole)


# Room for packed weights, and the kernels that pack them for one column and for more.
AS_THEY_ARE = "_packed", gemm.room_for_weights, gemm.pack_columns, gemm.pack_panels
TRANSPOSED = (
    "T_packed",
    gemm.room_for_transposed_weights,
    gemm.pack_rows,
    gemm.pack_transposed_panels,
)


def packings(
    name: str, W: Array, blocks: int, B: int, units: gemm.Units, scratch: Scratch
) -> tuple[Packing, Packing]:
    """``gemm.pack_weights`` and ``gemm.pack_transposed_weights``, by one thread."""

    def packing(end: str, room: Any, pack_single: Kernel, pack: Kernel) -> Packing:
        out = room(f"{name}{end}", W, blocks, B, units, scratch)
        if B == 1:
            return Packing(pack_single, (W, blocks, out), out)
        return Packing(pack, (W, blocks, units.padded, out, 0, len(out)), out)

    return packing(*AS_THEY_ARE), packing(*TRANSPOSED)
