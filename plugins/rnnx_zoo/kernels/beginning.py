"""How a step of a backward pass begins where a part of dh passes no product."""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    active_width,
    add_final_gradient,
    add_rows,
    clear,
    clear_gates,
)
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import multiply


@inline
def begin_step(
    back: Any,
    direct: Any,
    dz: Any,
    blocks: int,
    WhT: Any,
    d_final: Any,
    ends: Any,
    t: int,
    T: int,
    first: int,
    last: int,
) -> None:
    """back = the gradient of h⟨t⟩ by the step after it, through WhT and directly, and by d_final.

    WhT meets the first blocks of dz (2, blocks · n_p, B_p). At the last step all begin with 0.
    """
    if t + 1 == T:
        clear(back, first, last)
        clear(direct, first, last)
        clear_gates(dz, blocks, first, last)
    else:
        after, count = dz[(t + 1) % 2, : WhT.shape[1]], active_width(ends, t + 1, back)
        multiply(WhT, first, last, after, back[first:], count)
        add_rows(back[first:], direct[first:last])
    add_final_gradient(back, d_final, ends, t, first, last)
