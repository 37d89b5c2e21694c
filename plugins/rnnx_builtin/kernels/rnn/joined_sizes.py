"""What the two joined kernels take for one size of a batch: all but the batch and its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn import joined_passes as passes
from rnnx_builtin.kernels.rnn import packing, sequence, softmax
from rnnx_builtin.kernels.rnn.bound import BoundLoops
from rnnx_builtin.kernels.simd.blas_calls import dot_address, product_address
from rnnx_builtin.kernels.simd.bound_call import bind
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
    taken: tuple[Array, ...]  # the valid columns of each of the loops' ``flats``


class HeadSide(NamedTuple):
    """Of the head; ``arguments`` is what the kernels call ``head``."""

    arguments: tuple[Any, ...]
    dy: Array  # (T, n_a, B)


class Given(NamedTuple):
    """Where a batch is put."""

    x: Array  # (T, B) ids
    y: Array  # (T, B)
    ends: Array  # (B,) the lengths; T where there is no padding
    start: tuple[Array, ...]  # the initial state
    mask: Array | None  # (T, n_a, B), what h is multiplied by


class Size(NamedTuple):
    """A size of a batch."""

    given: Given
    cell: CellSide
    head: HeadSide
    h: Array  # (T, n_a, B)
    y: Array  # what the head reads: h, or h without what is dropped
    final: tuple[Array, ...]  # the state after the last step
    counts: Array  # (2,) of the last batch: its valid tokens, and the runs of them
    found: Array  # (2,) its loss, and the sum of squares of its gradients
    forward: Callable[[], object]
    backward: Callable[[], object]


class Way(NamedTuple):
    """How batches of a size are computed."""

    drops: bool  # whether some of h is dropped
    has_lengths: bool
    by_token: bool  # what the loss is a mean over


def size_of(form: Any, parts: tuple[Part, Part], flat: Array, way: Way, T: int, B: int) -> Size:
    """Make all of it for T steps of B columns; ``flat`` is the vector of all gradients."""
    (of_cell, of_head), drops = parts, way.drops
    cell, scratch = cell_side(form, of_cell, of_head.scratch, T, B), of_cell.scratch
    h = cell.loops.space.states.h
    y, mask = (scratch.like(name, h) if drops else h for name in ("dropped", "mask"))
    head = head_side(of_head, y)
    dh = scratch.like("d_dropped", head.dy) if drops else head.dy
    x, targets = (scratch.array(name, (T, B), np.intp) for name in ("x", "y"))
    start, final, d_start, d_final = states_of(cell.loops.states, h, scratch)
    ends, counts, found, drop = np.full(B, T), np.zeros(2, np.intp), np.zeros(2), int(drops)
    whole = flat if cell.loops.finish is None else flat[:0]  # else some are computed afterwards
    how = int(way.has_lengths), int(way.by_token)
    codes = _codes_forward(cell, head, ends, start), _codes_backward(cell, head, ends, start, dh)
    forward = codes[0], (x, targets, ends), start, final, cell.forward, head.arguments
    backward = codes[1], ends, cell.backward, head.arguments, (d_final, d_start)
    return Size(
        Given(x, targets, ends, start, mask if drops else None),
        cell,
        head,
        h,
        y,
        final,
        counts,
        found,
        bind(passes.forward, (*forward, (h, mask, y, drop), counts, how, found)),
        bind(passes.backward, (*backward, (head.dy, mask, dh, drop), counts, whole, found)),
    )


def states_of(count: int, h: Array, scratch: Scratch) -> list[tuple[Array, ...]]:
    """The first and the last state of h (T, n_a, B), and the gradients by both.

    Nothing depends on the last one: its gradient has no columns that would be added.
    """
    (_, n_a, B), found = h.shape, []
    for name, columns in (("start", B), ("final", B), ("d_start", B), ("d_final", 0)):
        arrays = [scratch.array(f"{name}{i}", (n_a, columns), h.dtype) for i in range(count)]
        found.append(tuple(arrays))
    return found


def valid_columns(n_a: int, T: int, B: int, dtype: Any, scratch: Scratch) -> Array:
    """(n_a, ≥ T·B): the valid tokens of what the head reads, and what then takes its place.

    That is its gradient, and after this the cell's own valid tokens. Less memory is more of what a
    step touches in the near caches.
    """
    return flat_buffer("h_valid", n_a, T * B, dtype, scratch)


def cell_side(form: Any, part: Part, beside: Scratch, T: int, B: int) -> CellSide:
    """The buffers of a compiled cell; ``beside``: of the head."""
    (params, scratch), (n, n_x) = part, part.params["Wx"].shape
    loops, dtype = form.loops(params, T, B, scratch), params["Wx"].dtype
    given, is_read = scratch.plan(sequence.ids_input, n_x + 1, n, T, B, dtype)
    dWx, db, sums = scratch.plan(sequence.input_gradients, n, n_x, dtype)
    dWh = scratch.array("dWh", params["Wh"].shape, dtype)
    n_a, rows = params["Wh"].shape[1], [len(flat) for flat in loops.flats]
    first, shared = rows.index(n_a), valid_columns(n_a, T, B, dtype, beside)
    taken = tuple(
        shared if i == first else flat_buffer(f"valid{i}", count, T * B, dtype, scratch)
        for i, count in enumerate(rows)
    )
    space = loops.space.queue, tuple(loops.space.units), tuple(loops.space.kept)
    packs = [tuple(one.arguments for one in way.packings) for way in loops.ways]
    table = params["Wx"], params["b"], given.table, given.ids, is_read
    inputs = given.ids, dWx, db, sums, sequence.NO_SYMBOLS
    products = loops.flats, taken, loops.products, dWh
    forward = space, table, packs[0], loops.ways[0].weights
    backward = space, tuple(loops.own), inputs, packs[1], loops.ways[1].weights, *products
    return CellSide(loops, forward, backward, taken)


def head_side(part: Part, y: Array) -> HeadSide:
    """The buffers of a compiled softmax above ``y`` (T, n_a, B)."""
    scratch, (T, n_a, B), dtype = part.scratch, y.shape, y.dtype
    Wy, by = part.params["Wy"], part.params["by"]
    space = scratch.plan(softmax.workspace, len(Wy), n_a, T, B, dtype)
    dWy, dby = scratch.array("dWy", Wy.shape, dtype), scratch.array("dby", by.shape, dtype)
    y_valid = valid_columns(n_a, T, B, dtype, scratch)
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
        (dWy, dby, space.dh_flat, y_valid),
    )
    return HeadSide(arguments, space.dh)


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
    return addresses((product_address(z.dtype), dot_address(z.dtype)), calls)


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
    return addresses((product_address(z.dtype), dot_address(z.dtype)), calls)
