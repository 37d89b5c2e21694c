"""How much memory parameters and a training step will take, estimated before any is allocated.

Linux grants almost any allocation and kills the process when its pages are touched, so what cannot
fit has to be refused by arithmetic.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.targets import NEXT_SYMBOL
from rnnx.errors import OutOfMemory
from rnnx.models.growth import extrapolated
from rnnx.models.network import Network
from rnnx.system.memory import free_bytes

SMALL = 2**26  # bytes that any machine has: below, nothing is estimated
FITTED = (64, 128)  # hidden sizes at which is counted where a block rounds its widths
SMALL_STEP = 2**28  # bytes of a training step that are not worth measuring one
STEP_PER_STATE = 2  # of a matrix in the state: that of every step, and what is made of it
STEP_PER_UNIT = 24  # numbers that a unit takes in each place of a batch, about
TRIED_NUMBERS = 2**18  # of h in a batch whose memory is measured: more than caches are tiled for
TRIED_COLUMNS = 16
TRIED_BYTES = 2**27  # that such a batch takes at most, about: with many symbols the head takes most
BLOCKS = 64  # more blocks of (n_a, n_a + n_x) than any cell is expected to have


def parameter_bytes(network: Network, dtype: npt.DTypeLike) -> int:
    """Bytes of all parameters, extrapolated from small cells; 0 for a network that is small anyway.

    The weights of a cell are matrices over its inputs and hidden units, so their number is a
    polynomial of the second degree in the hidden size. 0 as well for a cell that does not take
    the small sizes: there is no estimate then.
    """
    n_a, layers = network.cell.hidden_size, network.layers
    n_x, n_y = network.n_x, network.n_y
    itemsize = np.dtype(dtype).itemsize
    widest = widest_of(network)
    if BLOCKS * widest * (widest + max(n_x, n_y)) * layers * itemsize < SMALL:
        return 0
    n_h = network.layer_cell.hidden_size
    if network.width not in (n_h, n_h // 2):  # a width of its own: no polynomial in n_a alone
        return network.width * (n_a * layers + n_y) * itemsize  # at least: the ways in and out

    def size(n: int, depth: int) -> int:
        cell = replace(network.cell, hidden_size=n)  # type: ignore[type-var]
        small = replace(network, cell=cell, layers=depth)
        return small.init(np.random.default_rng(0), dtype).size

    try:
        is_rounded = network.block is not None and network.block.embeds
        counted = _fitted if is_rounded else extrapolated
        one, two = (counted(partial(size, depth=k), n_a) for k in (1, 2))
        return (one + (two - one) * (layers - 1)) * itemsize
    except Exception:  # of a third-party component: the real call names it
        return 0


def widest_of(network: Network) -> int:
    """The units of a layer's cell in all its directions, or the features that its block returns."""
    return max(network.layer_cell.hidden_size, network.width)


def wide_state(network: Network) -> int:
    """The numbers of a column's state in a layer that are no vectors: those of a matrix memory.

    A cell keeps such a state for every step of a batch, as it does its vectors.
    """
    state = network.layer_cell.initial_state(1, np.float32)
    return sum(array.size for array in state if array.ndim > 2)


def _fitted(size: Callable[[int], int], n: int) -> int:
    """The value at ``n`` of a·n² + b·n through the sizes at FITTED, where widths are rounded.

    A parabola through small sizes would magnify the rounding.
    """
    first, second = FITTED
    one, two = size(first) / first, size(second) / second
    a = (two - one) / (second - first)
    return round(n * (one + a * (n - first)))


def refuse_large_steps(network: Network, params: Parameters, T: int, B: int) -> None:
    """OutOfMemory, with what would fit, where a training step of T steps and B columns does not."""
    needed, free = step_bytes(network, params, T, B), free_bytes()
    if free is None or needed <= free:
        return
    columns, steps = int(B * free / needed), int(T * free / needed)
    is_text = network.targets == NEXT_SYMBOL
    whole, unit = ("texts", "symbols") if is_text else ("examples", "steps")
    what = f"a batch of {B} × {T:,} {unit} takes {needed / 2**30:,.1f} GiB of memory"
    todo = [f"batch_size={columns}"] if columns else []
    todo += [f"{whole} of up to {steps:,} {unit}"] if steps else []
    window = ", or read the file as one text, which is cut into windows: dataset=text"
    raise OutOfMemory(
        f"batch_size={B}: {what}, and {free / 2**30:,.1f} are free; choose "
        f"{' or '.join([*todo, 'a smaller network'])}{window if is_text else ''}"
    )


def step_bytes(network: Network, params: Parameters, T: int, B: int) -> int:
    """Bytes of the arrays of a training step of T steps and B columns; 0 where they are few.

    Measured at two small sizes: all but a constant grows in proportion to T·B.
    """
    widest = widest_of(network)
    layer = STEP_PER_UNIT * widest + STEP_PER_STATE * wide_state(network)
    numbers = layer * network.layers + 4 * network.n_y
    place = numbers * params.flat.itemsize  # bytes
    if T * B * place < SMALL_STEP:
        return 0
    columns = min(B, TRIED_COLUMNS)
    steps = TRIED_NUMBERS // (widest * columns)
    steps = max(4, min(steps, TRIED_BYTES // (columns * place)))
    shorter, longer = (_peak(network, params, k * steps, columns) for k in (1, 2))
    slope = (longer - shorter) / (steps * columns)
    return round(slope * T * B)


def _peak(network: Network, params: Parameters, T: int, B: int) -> int:
    """The most memory that a forward and backward pass over some ids has at once."""
    (x, y), scratch = network.blank(T, B), Scratch()
    states, rng = network.initial_state(B, params.flat.dtype), np.random.default_rng(0)
    is_traced = tracemalloc.is_tracing()
    if not is_traced:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        h, _, caches = network.forward(params, x, states, None, scratch, rng)
        _, _, cache = network.loss(params, h, y, None, scratch)
        _, dh = network.loss_gradient(params, cache, h, scratch)
        network.backward(params, caches, dh, scratch)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not is_traced:
            tracemalloc.stop()
