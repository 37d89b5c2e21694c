"""The kernels that call all kernels of a step: a cell and a softmax head, forward and backward.

What is called, in which order and with which arguments, is what the compiled cell and the compiled
head call one by one from Python, so that the bits are the same. What is bound is made by
:mod:`rnnx_builtin.kernels.rnn.joined_sizes`.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.packing import width_for, with_width
from rnnx_builtin.kernels.simd.blas_calls import product, squares
from rnnx_builtin.kernels.simd.bound_call import bound
from rnnx_builtin.kernels.simd.calling import call, call_for_counts, call_for_number
from rnnx_builtin.kernels.simd.compiling import bound_kernel, inline
from rnnx_builtin.kernels.simd.work_queue import DONE, NEXT

# Places in the lists of addresses.
PRODUCT, DOT, PACK, LOOP = range(4)
TABLE, RUNS, TAKE, LOSS = range(4, 8)  # forward
SUMS, PUT_BACK, ADD, TAKE_FLAT = range(4, 8)  # backward
LOSS_FOUND, SQUARES = range(2)  # places of what is found


@bound_kernel
def forward(place: Any) -> None:
    """The loss, into ``found``; ``counts`` becomes the number of valid tokens and of runs of them.

    Bound are ``Size.forward``'s arguments.
    """
    codes, batch, start, final, cell, head, drop, counts, how, found = bound(place)
    if codes[PRODUCT] == 0:  # kernels are only listed
        return
    (x, y, ends), ((queue, units, kept), (Wx, b, rows, ids, is_read), packs, weights) = batch, cell
    call(codes[TABLE], (Wx, b, x, ends, rows, ids, is_read))
    for i in range(len(packs)):
        call(codes[PACK], packs[i])
    queue[NEXT] = queue[DONE] = 0
    call(codes[LOOP], (queue, units, kept, (rows, ids, ends), *weights, start, final))
    h, mask, dropped, is_dropped = drop
    if is_dropped:
        _multiply(h, mask, dropped)
    has_lengths, by_token = how
    found[LOSS_FOUND] = _loss(codes, y, ends, head, counts, has_lengths, by_token)


@inline
def _multiply(steps: Any, mask: Any, out: Any) -> None:
    """out = steps · mask, (T, n, B) each."""
    T, n, B = steps.shape
    for u in range(n):
        for t in range(T):
            for b in range(B):
                out[t, u, b] = steps[t, u, b] * mask[t, u, b]


@inline
def _loss(
    codes: Any, y: Any, ends: Any, head: Any, counts: Any, has_lengths: int, by_token: int
) -> float:
    (Wy, by), (h, h_valid, z), (targets, everywhere, places, runs), (highest, total, nats), _ = head
    (n_y, n_a), (T, B) = Wy.shape, y.shape
    count, last = T * B, 0
    if has_lengths:
        count, last = call_for_counts(codes[RUNS], (ends, T, places, runs))
    counts[0], counts[1] = count, last
    if count < T * B:
        h_valid = with_width(h_valid, width_for(h_valid, count))
        z = with_width(z, width_for(z, count))
        call(codes[TAKE], (h, runs, last, h_valid))
        product(codes[PRODUCT], Wy, False, h_valid, False, z, n_y, count, n_a)
    else:
        product(codes[PRODUCT], Wy, False, h, False, z, n_y, count, n_a)
    at = places[:count] if count < T * B else everywhere[:count]
    for i in range(count):
        targets[i] = y[at[i] // B, at[i] % B]
    divisor = max(count, 1) if by_token else B
    given = z, by, targets[:count], at, 1.0 / divisor, highest, total, nats
    return call_for_number(codes[LOSS], given) / divisor  # type: ignore[no-any-return]


@bound_kernel
def backward(place: Any) -> None:
    """The gradients of the loss of ``forward``; the sum of squares of ``flat``, into ``found``."""
    codes, ends, cell, head, state, drop, counts, flat, found = bound(place)
    if codes[PRODUCT] == 0:
        return
    (queue, units, kept), own, inputs, packs, weights, flats, taken, products, dWh = cell
    count, last, runs, is_padded = counts[0], counts[1], head[2][3], counts[0] < len(head[2][1])
    _head_back(codes, head, count, last, is_padded)
    dy, mask, dh, is_dropped = drop
    if is_dropped:
        _multiply(dy, mask, dh)
    for i in range(len(packs)):
        call(codes[PACK], packs[i])
    queue[NEXT] = queue[DONE] = 0
    d_final, d_start = state
    call(codes[LOOP], (queue, units, kept, own, ends, *weights, dh, d_final, d_start))
    ids, dWx, db, sums, symbols = inputs
    call(codes[ADD], (flats[0], ids, ends, dWx, db, sums, symbols))
    if is_padded:
        width = width_for(dWh, count)
        for i in range(len(flats)):
            call(codes[TAKE_FLAT], (flats[i], runs, last, with_width(taken[i], width)))
        _recurrent(codes, taken, width, products, dWh, count)
    else:
        _recurrent(codes, flats, 0, products, dWh, count)
    found[SQUARES] = squares(codes[DOT], flat)


@inline
def _head_back(codes: Any, head: Any, count: int, last: int, is_padded: bool) -> None:
    (Wy, _), (h, h_valid, z), (_, _, _, runs), _, (dWy, dby, dy, dy_valid) = head
    n_y, n_a = Wy.shape
    if is_padded:
        width = width_for(z, count)
        z, h_valid = with_width(z, width), with_width(h_valid, width)
        dy_valid = with_width(dy_valid, width)
    call(codes[SUMS], (z, count, dby))
    if is_padded:
        product(codes[PRODUCT], z, False, h_valid, True, dWy, n_y, n_a, count)
        product(codes[PRODUCT], Wy, True, z, False, dy_valid, n_a, count, n_y)
        call(codes[PUT_BACK], (dy_valid, runs, last, dy))
    else:
        product(codes[PRODUCT], z, False, h, True, dWy, n_y, n_a, count)
        product(codes[PRODUCT], Wy, True, z, False, dy, n_a, count, n_y)


@inline
def _recurrent(codes: Any, flats: Any, width: int, products: Any, dWh: Any, count: int) -> None:
    """dWh from the first ``count`` columns of ``flats``: see ``bound.Product``.

    ``width``: how wide they are; 0: as wide as they say.
    """
    for p in range(len(products)):
        left, first, last, right, to = products[p]
        rows, other = flats[left], flats[right]
        if width > 0:
            rows, other = with_width(rows, width), with_width(other, width)
        out, n_a = dWh[to:], dWh.shape[1]
        product(codes[PRODUCT], rows[first:], False, other, True, out, last - first, n_a, count)
