"""What the two joined kernels take for one size of a batch: all but the batch and its state."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn import packing, sequence, softmax
from rnnx_builtin.kernels.rnn.bound import BoundLoops
from rnnx_builtin.kernels.simd.blas_calls import product_address
from rnnx_builtin.kernels.simd.calling import addresses


class Part(NamedTuple):
    """The parameters and the buffers of the cell, or of the head."""

    params: Params
    scratch: Scratch


class CellSide(NamedTuple):
    """Of the cell; tuples are what the kernels call ``cell``."""

    loops: BoundLoops
    forward: tuple[Any, ...]
    backward: tuple[Any, ...]
    gradients: Params
    taken: tuple[Array, ...]  # the valid columns of each of the loops' ``flats``


class HeadSide(NamedTuple):
    """Of the head; ``arguments`` is what the kernels call ``head``."""

    arguments: tuple[Any, ...]
    gradients: Params
    dy: Array  # (T, n_a, B)


class Size(NamedTuple):
    """A size of a batch."""

    cell: CellSide
    head: HeadSide
    y: Array  # (T, n_a, B), what the head reads: h, or h without what is dropped
    dh: Array  # the gradient by h: dy, or dy without what was dropped
    ends: Array  # (B,) T: the lengths where there is no padding
    state: tuple[Any, Any]  # the gradients of the final state, 0, and of the initial one
    codes: tuple[Array, Array]  # the addresses of what is called, forward and backward
    counts: Array  # (2,) of the last batch: its valid tokens, and the runs of them


def size_of(form: Any, of_cell: Part, of_head: Part, drops: bool, T: int, B: int) -> Size:
    """Make all of it for T steps of B columns."""
    cell, scratch = cell_side(form, of_cell, T, B), of_cell.scratch
    h = cell.loops.space.states.h
    y = scratch.like("dropped", h) if drops else h
    head = head_side(of_head, y)
    dh = scratch.like("d_dropped", head.dy) if drops else head.dy
    ends, n_a, count = np.full(B, T), h.shape[1], cell.loops.states
    final, first = (tuple(np.zeros((n_a, B), h.dtype) for _ in range(count)) for _ in range(2))
    codes = _codes_forward(cell, head, ends, first), _codes_backward(cell, head, ends, first, dh)
    return Size(cell, head, y, dh, ends, (final, first), codes, np.zeros(2, np.intp))


def cell_side(form: Any, part: Part, T: int, B: int) -> CellSide:
    """The buffers of a compiled cell."""
    (params, scratch), (n, n_x) = part, part.params["Wx"].shape
    loops, dtype = form.loops(params, T, B, scratch), params["Wx"].dtype
    given, is_read = scratch.plan(sequence.ids_input, n_x + 1, n, T, B, dtype)
    dWx, db, sums = scratch.plan(sequence.input_gradients, n, n_x, dtype)
    dWh = scratch.array("dWh", params["Wh"].shape, dtype)
    flats = [(f"valid{i}", len(flat), T * B) for i, flat in enumerate(loops.flats)]
    taken = tuple(flat_buffer(*sizes, dtype, scratch) for sizes in flats)
    space = loops.space.queue, tuple(loops.space.units), tuple(loops.space.kept)
    packs = [tuple(one.arguments for one in way.packings) for way in loops.ways]
    table = params["Wx"], params["b"], given.table, given.ids, is_read
    inputs = given.ids, dWx, db, sums, sequence.NO_SYMBOLS
    products = loops.flats, taken, loops.products, dWh
    forward = space, table, packs[0], loops.ways[0].weights
    backward = space, tuple(loops.own), inputs, packs[1], loops.ways[1].weights, *products
    return CellSide(loops, forward, backward, {"Wx": dWx, "Wh": dWh, "b": db}, taken)


def head_side(part: Part, y: Array) -> HeadSide:
    """The buffers of a compiled softmax above ``y`` (T, n_a, B)."""
    scratch, (T, n_a, B), dtype = part.scratch, y.shape, y.dtype
    Wy, by = part.params["Wy"], part.params["by"]
    space = scratch.plan(softmax.workspace, len(Wy), n_a, T, B, dtype)
    dWy, dby = scratch.array("dWy", Wy.shape, dtype), scratch.array("dby", by.shape, dtype)
    y_valid, dy_valid = (
        flat_buffer(name, n_a, T * B, dtype, scratch) for name in ("h_valid", "dh_valid")
    )
    targets, places = (scratch.array(name, (T * B,), np.intp) for name in ("targets", "places"))
    runs, nats = (
        scratch.array("runs", (T * B, 3), np.intp),
        scratch.array("nats", (T * B,), dtype),
    )
    arguments = (
        (Wy, by),
        (sequence.flatten(y, "h_flat", scratch), y_valid, space.dz),
        (targets, space.places, places, runs),
        (space.highest, space.total, nats),
        (dWy, dby, space.dh_flat, dy_valid),
    )
    return HeadSide(arguments, {"Wy": dWy, "by": dby}, space.dh)


def _codes_forward(cell: CellSide, head: HeadSide, ends: Array, state: tuple[Array, ...]) -> Array:
    """The addresses in the order of ``joined_passes``, for arguments of the types given there."""
    (queue, units, kept), (Wx, b, rows, ids, is_read), packs, weights = cell.forward
    (_, by), (y, y_valid, z), (targets, everywhere, places, runs), sums, _ = head.arguments
    way, x = cell.loops.ways[0], np.zeros((len(ids), len(ends)), np.intp)
    given = (rows, ids, ends), *weights, state, state
    calls = [
        (way.packings[0].kernel, packs[0]),
        (way.loop, (queue, units, kept, *given)),
        (sequence.prepare_table, (Wx, b, x, ends, rows, ids, is_read)),
        (packing.find_runs, (ends, len(ids), places, runs)),
        (packing.take_runs, (y, runs, 0, y_valid)),
        (softmax.loss_and_slope, (z, by, targets, everywhere, 1.0, *sums)),
    ]
    return addresses(product_address(z.dtype), calls)


def _codes_backward(
    cell: CellSide, head: HeadSide, ends: Array, state: tuple[Array, ...], dh: Array
) -> Array:
    (queue, units, kept), own, inputs, packs, weights, flats, taken, *_ = cell.backward
    _, (_, _, z), (*_, runs), _, (_, dby, dy, dy_valid) = head.arguments
    way, (ids, *sums) = cell.loops.ways[1], inputs
    calls = [
        (way.packings[0].kernel, packs[0]),
        (way.loop, (queue, units, kept, own, ends, *weights, dh, state, state)),
        (softmax.row_sums, (z, 0, dby)),
        (packing.put_back, (dy_valid, runs, 0, dy)),
        (sequence.add_into_columns, (flats[0], ids, ends, *sums)),
        (packing.take_runs, (flats[0], runs, 0, taken[0])),
    ]
    return addresses(product_address(z.dtype), calls)
