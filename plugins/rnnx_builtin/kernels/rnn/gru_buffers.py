"""The buffers of the GRU's time loops, and how a step of their backward pass begins."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
    active_columns,
    add_final_gradient,
    add_rows,
    clear,
    clear_gates,
)
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import multiply


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 3·n_p, B_p): r, z, n after their activations
    inner: Array  # (T, n_p, B_p): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩
    q: Array  # (≥ n_p, B_p): n's product where the reset comes before it


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (3·n_a, ≥ T·B)
    # For n's block of dWh: dn·r (times h) where the reset comes after, r ⊙ h (times dn) before.
    n_flat: Array  # (n_a, ≥ T·B)
    dz: Array  # (2, 3·n_p, B_p): of a step and of the one after it, gate by gate
    direct: Array  # (n_p, B_p): dh·z, the gradient of h⟨t−1⟩ that passes no product with Wh
    dn: Array  # (n_p, B_p): dn by the input
    back: Array  # (≥ n_p, B_p): dh from the step after
    d_inner: Array  # (≥ n_p, B_p): the gradient of r ⊙ h


@inline
def begin_step(
    back: Any,
    direct: Any,
    dz: Any,
    WhT: Any,
    d_final: Any,
    ends: Any,
    t: int,
    T: int,
    first: int,
    last: int,
) -> None:
    """back = the gradient of h⟨t⟩ by the step after it, through WhT and directly, and by d_final.

    At the last step all buffers begin with 0.
    """
    if t + 1 == T:
        clear(back, first, last)
        clear(direct, first, last)
        clear_gates(dz, 3, first, last)
    else:
        after, count = dz[(t + 1) % 2, : WhT.shape[1]], active_columns(ends, t + 1)
        multiply(WhT, first, last, after, back[first:], count)
        add_rows(back[first:], direct[first:last])
    add_final_gradient(back, d_final, ends, t, first, last)
