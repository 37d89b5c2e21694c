"""A cell and the softmax head above it as one: two calls into compiled code a step.

Of a small network half of a step is Python between kernels. Here all that these need is bound once
for each size of a batch, and one kernel forward and one backward call them by their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn import joined_passes as passes
from rnnx_builtin.kernels.rnn.joined_sizes import Part, Size, size_of
from rnnx_builtin.kernels.rnn.sequence import MANY_SYMBOLS
from rnnx_builtin.kernels.rnn.softmax import CompiledSoftmax
from rnnx_builtin.kernels.simd.blas_calls import product_address

Given = tuple[Params, Scratch]


def join(cell: Any, head: Any, of_cell: Given, of_head: Given, drops: bool) -> Joined | None:
    """Both forms as one; None where a kernel cannot make all the products that NumPy makes."""
    if not isinstance(head, CompiledSoftmax) or (cell.threads, head.threads) != (1, 1):
        return None
    (n_y, n_a), (_, n_x) = of_head[0]["Wy"].shape, of_cell[0]["Wx"].shape
    if min(n_y, n_a) < 2 or n_x >= MANY_SYMBOLS:  # of one row NumPy makes no product of matrices
        return None
    if not product_address(of_cell[0]["Wx"].dtype):
        return None
    return Joined(cell, head, Part(*of_cell), Part(*of_head), drops)


class Joined:
    """The forward and backward pass of a compiled cell and the compiled softmax above it.

    ``drops``: whether some of h is dropped between them.
    """

    def __init__(self, cell: Any, head: Any, of_cell: Part, of_head: Part, drops: bool) -> None:
        self._form, self._by_token, self._drops = cell, head.by_token, drops
        self._cell, self._head = of_cell, of_head
        self._passed: tuple[Size, Array, Array] | None = None  # with the lengths and the mask

    def takes(self, tokens: int) -> bool:
        """Whether it computes a batch of so many valid tokens: one is no matrix."""
        return tokens > 1

    def forward(
        self,
        x: Array,
        y: Array,
        state: State,
        lengths: Array | None,
        mask: Callable[[Array], Array] | None,
    ) -> tuple[float, Array, State]:
        """``rnnx.contracts.joined.Joined.forward``."""
        size = self._cell.scratch.plan(self._size, *y.shape)
        ends = size.ends if lengths is None else np.ascontiguousarray(lengths, np.intp)
        batch = np.ascontiguousarray(x, np.intp), np.ascontiguousarray(y, np.intp), ends
        start = tuple(map(np.ascontiguousarray, state))
        final = tuple(map(np.empty_like, start))
        h, cell = size.cell.loops.space.states.h, size.cell.forward
        drop = h, h if mask is None else mask(h), size.y, self._drops
        how = size.counts, lengths is not None, self._by_token
        loss = passes.forward(
            size.codes[0], batch, start, final, cell, size.head.arguments, drop, *how
        )
        self._passed = size, ends, drop[1]
        return loss, size.y, final

    def backward(self) -> tuple[Params, Params, Array]:
        """``Joined.backward``."""
        assert self._passed is not None
        (size, ends, mask), self._passed = self._passed, None
        cell, head, counts = size.cell, size.head, size.counts
        drop = head.dy, mask, size.dh, self._drops
        passes.backward(
            size.codes[1], ends, cell.backward, head.arguments, size.state, drop, counts
        )
        if cell.loops.finish is None:
            return cell.gradients, head.gradients, head.dy
        count, (T, _, B) = int(counts[0]), head.dy.shape
        flats = cell.taken if count < T * B else cell.loops.flats
        more = cell.loops.finish([flat[:, :count] for flat in flats])
        return cell.gradients | more, head.gradients, head.dy

    def _size(self, scratch: Any, T: int, B: int) -> Size:
        return size_of(self._form, self._cell, self._head, self._drops, T, B)
