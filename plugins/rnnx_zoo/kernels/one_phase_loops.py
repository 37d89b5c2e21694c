"""The time loops of the cells whose step is one product and then goes unit by unit.

One pair of kernels is compiled for all of them. ``form`` is the kind, which chooses the equations
at each step, the blocks of z, those of Wh, and a cell's three settings. coRNN has a second product,
of z with Wz; the others are given Wh in its place and do not read it. A cell of one state has a
second one without units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
    active_width,
    add_final_gradient,
    add_output_gradient,
    add_rows,
    clear,
    end_columns,
    scatter_gates,
    start_columns,
    unpad,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of
from rnnx_zoo.kernels import one_phase_steps as steps
from rnnx_zoo.kernels.beginning import begin_step
from rnnx_zoo.kernels.gated import Sizes

UGRNN, JANET, NBRC, LSTM_1997, CORNN = range(5)


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    z_flat: Array  # coRNN: (n_a, ≥ T·B), z⟨t−1⟩; else (0, ≥ T·B)
    hs: Array  # (T + 1, n_p, B_p), the initial state first
    cs: Array  # (2, n_p, B_p): the second state of a step and of the one before
    gates: Array  # (T, ≥ rows·n_p, B_p): the blocks after their activations, and what else is kept
    q: Array  # (≥ n_p, B_p): coRNN's second product


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (blocks·n_a, ≥ T·B)
    dz: Array  # (2, blocks·n_p, B_p): of a step and of the one after it
    direct: Array  # (n_p, B_p): the gradient of h⟨t−1⟩ that passes no product
    direct_c: Array  # (n_p, B_p): that of the second state
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_c: Array  # (≥ n_p, B_p): that of the second state


@dataclass(frozen=True)
class OnePhase:
    """A cell's loops, as rnnx_zoo.kernels.gated calls them."""

    kind: int
    BLOCKS: int
    products: int  # the blocks of Wh
    rows: int  # what a step keeps, in blocks
    STATES: int = 1

    @property
    def GROUPS(self) -> tuple[int, ...]:
        return (self.products,)

    @property
    def forward(self) -> Any:
        return forward

    @property
    def backward(self) -> Any:
        return backward

    def kept(self, of: Sizes, h_flat: Array) -> Forward:
        n_p = of.units.padded
        return Forward(
            h_flat=h_flat,
            z_flat=of.flat("z_flat", of.n_a if self.kind == CORNN else 0),
            hs=of.steps("hs", of.T + 1, n_p),
            cs=of.steps("cs", 2, n_p),
            gates=of.product("gates", self.rows * n_p, of.T),
            q=of.product("q", n_p),
        )

    def buffers(self, of: Sizes) -> Backward:
        n_p = of.units.padded
        return Backward(
            dz_flat=of.flat("dz_flat", self.BLOCKS * of.n_a),
            dz=of.steps("dz_t", 2, self.BLOCKS * n_p),
            direct=of.steps("direct", n_p),
            direct_c=of.steps("direct_c", n_p),
            back_h=of.product("back_h", n_p),
            back_c=of.product("back_c", n_p),
        )

    def met(self, kept: Any) -> list[Array | None]:
        return [None]


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, Wz: Any, form: Any, start: Any, final: Any
) -> None:
    """A whole sequence; a task is one step of one chunk of units."""
    (table, ids, ends), (h0, c0), (final_h, final_c), to = x, start, final, Forward(*kept)
    h_flat, z_flat, hs, cs, gates, q = to
    T, B, n, n_p, (kind, blocks, products, numbers) = len(ids), len(ends), len(h0), units[0], form
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = phase - 1
        h, c, count = hs[phase], cs[phase % 2], B
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
            if kind >= LSTM_1997:
                start_columns(c0, c, final_c, ends, first, last)
        else:
            a, count = gates[t], active_width(ends, t, h)
            multiply_gates(Wh, products, n_p, first, last, hs[t], a, count)
            for block in range(products, blocks):
                clear(a, block * n_p + first, block * n_p + last)
            add_to_gates(a, table, ids[t], blocks, n, n_p, first, last, count)
            if kind == CORNN:
                multiply(Wz, first, last, cs[t % 2], q[first:], count)
            before = hs[t, first:last], cs[t % 2, first:last]
            _step(kind, a[first:], n_p, q[first:], *before, c[first:], h[first:], numbers, count)
            end_columns(h, final_h, ends, t, count, first, last)
            if kind >= LSTM_1997:
                end_columns(c, final_c, ends, t, count, first, last)
        scatter_gates(h, 1, n_p, h_flat, n, first, last, phase * B, B, count)
        if kind == CORNN and phase < T:
            scatter_gates(c, 1, n_p, z_flat, n, first, last, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step(
    kind: int,
    a: Any,
    n_p: int,
    q: Any,
    before: Any,
    c_before: Any,
    c: Any,
    h: Any,
    numbers: Any,
    count: int,
) -> None:
    """From the sums a: what is kept in their place, and the state."""
    size = n_p * before.shape[1]
    if kind == UGRNN:
        steps.ugrnn(a, size, before, h, count)
    elif kind == JANET:
        steps.janet(a, size, before, h, numbers[0], count)
    elif kind == NBRC:
        steps.nbrc(a, size, before, h, count)
    elif kind == LSTM_1997:
        steps.lstm_1997(a, size, c_before, c, h, numbers[0], numbers[1], count)
    else:
        steps.cornn(a, q, before, c_before, c, h, numbers[0], numbers[1], numbers[2], count)


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    WzT: Any,
    form: Any,
    *gradients: Any,
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    (dh, (d_last_h, d_last_c), (dh0, dc0)), seen = gradients, Forward(*kept)
    dz_flat, dzs, direct, direct_c, back_h, back_c = Backward(*own)
    hs, gates, (T, n, B), (kind, blocks, _, numbers) = seen.hs, seen.gates, dh.shape, form
    n_p = units[0]
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        begin_step(back_h, direct, dzs, blocks, WhT, d_last_h, ends, t, T, first, last)
        _begin_second(kind, back_c, direct_c, dzs, WzT, d_last_c, ends, t, T, first, last)
        if t < 0:
            unpad(back_h, dh0, first, last)
            if kind >= LSTM_1997:
                unpad(back_c, dc0, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back_h)
            add_output_gradient(dh, back_h, ends, t, direct, count, first, last)
            known = gates[t, first:], n_p, hs[t, first:last]
            given = direct[first:last], back_c[first:], direct_c[first:], dz[first:]
            _step_back(kind, *known, *given, numbers, count)
            scatter_gates(dz, blocks, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _begin_second(
    kind: int,
    back: Any,
    direct: Any,
    dz: Any,
    WzT: Any,
    d_final: Any,
    ends: Any,
    t: int,
    T: int,
    first: int,
    last: int,
) -> None:
    """back = the gradient of the second state by the step after t, and by the final state."""
    if t + 1 == T:
        clear(back, first, last)
        clear(direct, first, last)
    elif kind == CORNN:
        count = active_width(ends, t + 1, back)
        multiply(WzT, first, last, dz[(t + 1) % 2], back[first:], count)
        add_rows(back[first:], direct[first:last])
    if kind >= LSTM_1997:
        add_final_gradient(back, d_final, ends, t, first, last)


@inline
def _step_back(
    kind: int,
    a: Any,
    n_p: int,
    before: Any,
    d: Any,
    back_c: Any,
    direct_c: Any,
    dz: Any,
    numbers: Any,
    count: int,
) -> None:
    """dz of all blocks, and the gradients by the state before."""
    size = n_p * before.shape[1]
    if kind == UGRNN:
        steps.ugrnn_back(a, size, before, d, dz, count)
    elif kind == JANET:
        steps.janet_back(a, size, before, d, dz, count)
    elif kind == NBRC:
        steps.nbrc_back(a, size, before, d, dz, count)
    elif kind == LSTM_1997:
        steps.lstm_1997_back(a, size, d, back_c, dz, numbers[0], numbers[1], count)
    else:
        steps.cornn_back(a, d, back_c, direct_c, dz, numbers[0], numbers[1], numbers[2], count)
