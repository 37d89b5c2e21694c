"""A cell and the softmax head above it as one: two calls into compiled code a step.

Of a small network half of a step is Python between kernels. Here all that these need is bound once
for each size of a batch, and one kernel forward and one backward call them by their addresses. Both
read their arguments from memory, into which a batch is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, row_width
from rnnx_builtin.kernels.rnn import joined_passes as passes
from rnnx_builtin.kernels.rnn.joined_sizes import Part, Size, Way, size_of
from rnnx_builtin.kernels.rnn.sequence import MANY_SYMBOLS
from rnnx_builtin.kernels.rnn.softmax import CompiledSoftmax
from rnnx_builtin.kernels.simd.blas_calls import dot_address, product_address

Given = tuple[Params, Scratch]


def join(
    cell: Any, head: Any, of_cell: Given, of_head: Given, drops: bool, flat: Array
) -> Joined | None:
    """Both forms as one; None where a kernel cannot make all the products that NumPy makes."""
    if not isinstance(head, CompiledSoftmax) or (cell.threads, head.threads) != (1, 1):
        return None
    (n_y, n_a), (_, n_x) = of_head[0]["Wy"].shape, of_cell[0]["Wx"].shape
    if min(n_y, n_a) < 2 or n_x >= MANY_SYMBOLS:  # of one row NumPy makes no product of matrices
        return None
    if not product_address(flat.dtype) or not dot_address(flat.dtype):
        return None
    return Joined(cell, head, (Part(*of_cell), Part(*of_head)), drops, flat)


class Joined:
    """The forward and backward pass of a compiled cell and the compiled softmax above it.

    ``drops``: whether some of h is dropped between them.
    """

    def __init__(
        self, cell: Any, head: Any, parts: tuple[Part, Part], drops: bool, flat: Array
    ) -> None:
        self._form, self._by_token, self._drops = cell, head.by_token, drops
        self._parts, self._flat, self._scratch = parts, flat, parts[0].scratch
        self._passed: Size | None = None

    def takes(self, tokens: int) -> bool:
        """Whether it computes a batch of so many valid tokens: one is no matrix.

        Not while both kernels are still being compiled: nobody waits for them.
        """
        coming = passes.forward.is_coming() or passes.backward.is_coming()
        return tokens > 1 and not coming

    def forward(
        self,
        x: Array,
        y: Array,
        state: State,
        lengths: Array | None,
        mask: Callable[[Array], Array] | None,
    ) -> tuple[float, Array, State]:
        """``rnnx.contracts.joined.Joined.forward``."""
        size = self._scratch.plan(self._size, *y.shape, lengths is not None)
        given = size.given
        given.x[...], given.y[...] = x, y
        if lengths is not None:
            given.ends[...] = lengths
        for room, array in zip(given.start, state, strict=True):
            room[...] = array
        if mask is not None and given.mask is not None:
            given.mask[...] = mask(size.h)
        size.forward()
        self._passed = size
        return size.found.item(0), size.y, tuple([array.copy() for array in size.final])

    def backward(self) -> tuple[Array, float | None]:
        """``Joined.backward``."""
        size, self._passed = self._passed, None
        assert size is not None
        size.backward()
        loops, dy = size.cell.loops, size.head.dy
        if loops.finish is None:
            return dy, size.found.item(1)
        count, (T, _, B) = int(size.counts[0]), dy.shape
        flats: tuple[Array, ...] = loops.flats
        if count < T * B:
            width = row_width(count, dy.itemsize)
            rows = [(len(flat), width) for flat in flats]
            flats = tuple(map(_in_rows, size.cell.taken, rows))
        loops.finish([flat[:, :count] for flat in flats])
        return dy, None

    def _size(self, scratch: Any, T: int, B: int, has_lengths: bool) -> Size:
        way = Way(self._drops, has_lengths, self._by_token)
        return size_of(self._form, self._parts, self._flat, way, T, B)


def _in_rows(flat: Array, shape: tuple[int, int]) -> Array:
    """The first numbers of its memory."""
    return flat.reshape(-1)[: shape[0] * shape[1]].reshape(shape)
