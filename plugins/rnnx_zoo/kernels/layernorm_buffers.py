"""The buffers of the time loops of the LSTM with layer norms."""

from __future__ import annotations

from typing import NamedTuple

from rnnx.arrays import Array
from rnnx_zoo.kernels.gated import Sizes


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (2, n_p, B_p): h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, 4·n_p, B_p): i, f, o, g after their activations
    products: Array  # (≥ 4·n_p, B_p): Wh·h⟨t−1⟩ of a step
    h_hat: Array  # (T, 4·n_p, B_p): N of them
    c_hat: Array  # (T, n_p, B_p): N(c)
    shown: Array  # (T, n_p, B_p): tanh(gc ⊙ N(c) + bc)
    inverse_h: Array  # (T, chunks, B_p): 1 / √(var + ε) of the products, as each chunk found it
    inverse_c: Array  # (T, chunks, B_p): that of c


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    d_products_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (4·n_p, B_p)
    d_products: Array  # (2, 4·n_p, B_p): of a step and of the one after it
    dh_t: Array  # (n_p, B_p): dh of a step
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_c: Array  # (n_p, B_p): dc from the step after
    by_c: Array  # (n_p, B_p): the gradient by N(c)
    dc: Array  # (n_p, B_p): that by c through N
    by_h: Array  # (4·n_p, B_p): the gradient by N of the products
    dgh: Array  # (4·n_p, B_p): the gradient of gh by column
    dm: Array  # (2·n_p, B_p): those of gc and bc


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p, T, chunks = of.units.padded, of.T, -(-of.units.padded // of.units.chunk)
    return Forward(
        h_flat=h_flat,
        hs=of.steps("hs", 2, n_p),
        cs=of.steps("cs", T + 1, n_p),
        gates=of.steps("gates", T, 4 * n_p),
        products=of.product("products", 4 * n_p),
        h_hat=of.steps("h_hat", T, 4 * n_p),
        c_hat=of.steps("c_hat", T, n_p),
        shown=of.steps("shown", T, n_p),
        inverse_h=of.steps("inverse_h", T, chunks),
        inverse_c=of.steps("inverse_c", T, chunks),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 4 * of.n_a),
        d_products_flat=of.flat("d_products_flat", 4 * of.n_a),
        dz=of.steps("dz_t", 4 * n_p),
        d_products=of.steps("d_products", 2, 4 * n_p),
        dh_t=of.steps("dh_t", n_p),
        back_h=of.product("back_h", n_p),
        back_c=of.steps("back_c", n_p),
        by_c=of.steps("by_c", n_p),
        dc=of.steps("dc_t", n_p),
        by_h=of.steps("by_h", 4 * n_p),
        dgh=of.steps("dgh_columns", 4 * n_p),
        dm=of.steps("dm_columns", 2 * n_p),
    )
