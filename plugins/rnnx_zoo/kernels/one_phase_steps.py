"""A step unit by unit, forward and back, of each cell of the loop with one phase a step.

The equations and the names are each cell's. ``a`` are the sums by block of n_p rows, and then what
the way back needs. Back, ``d`` is the gradient by h⟨t⟩ and becomes that by h⟨t−1⟩ which passes no
product.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import registers, strips
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.vectors import load, store, zeros_of


@inline
def ugrnn(a: Any, size: int, before: Any, h: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            g, n = sigmoid(load(a, e)), tanh(load(a, size + e))
            store(a, e, g)
            store(a, size + e, n)
            store(h, e, n + g * (load(before, e) - n))


@inline
def ugrnn_back(a: Any, size: int, before: Any, d: Any, dz: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            g, n, dh = load(a, e), load(a, size + e), load(d, e)
            store(dz, e, dh * (load(before, e) - n) * g * (1.0 - g))
            store(dz, size + e, dh * (1.0 - g) * (1.0 - n * n))
            store(d, e, dh * g)


@inline
def janet(a: Any, size: int, before: Any, h: Any, beta: float, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            s, n = load(a, e), tanh(load(a, size + e))
            f, i = sigmoid(s), sigmoid(beta - s)
            store(a, e, f)
            store(a, size + e, n)
            store(a, 2 * size + e, i)
            store(h, e, f * load(before, e) + i * n)


@inline
def janet_back(a: Any, size: int, before: Any, d: Any, dz: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            f, n, i = load(a, e), load(a, size + e), load(a, 2 * size + e)
            dh = load(d, e)
            store(dz, e, dh * (load(before, e) * f * (1.0 - f) - n * i * (1.0 - i)))
            store(dz, size + e, dh * i * (1.0 - n * n))
            store(d, e, dh * f)


@inline
def nbrc(a: Any, size: int, before: Any, h: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            latch, c, old = tanh(load(a, e)) + 1.0, sigmoid(load(a, size + e)), load(before, e)
            n = tanh(load(a, 2 * size + e) + latch * old)
            store(a, e, latch)
            store(a, size + e, c)
            store(a, 2 * size + e, n)
            store(h, e, n + c * (old - n))


@inline
def nbrc_back(a: Any, size: int, before: Any, d: Any, dz: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            latch, c, n = load(a, e), load(a, size + e), load(a, 2 * size + e)
            old, dh = load(before, e), load(d, e)
            dn = dh * (1.0 - c) * (1.0 - n * n)
            store(dz, e, dn * old * latch * (2.0 - latch))
            store(dz, size + e, dh * (old - n) * c * (1.0 - c))
            store(dz, 2 * size + e, dn)
            store(d, e, dh * c + dn * latch)


@inline
def lstm_1997(
    a: Any, size: int, before: Any, c: Any, h: Any, height: float, slope: float, count: int
) -> None:
    """``before`` is c⟨t−1⟩; H(c) is kept as a fourth block."""
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            i, o = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            g = tanh(load(a, 2 * size + e) * slope)
            new = load(before, e) + i * g * height
            shown = tanh(new * slope)
            store(a, e, i)
            store(a, size + e, o)
            store(a, 2 * size + e, g)
            store(a, 3 * size + e, shown)
            store(c, e, new)
            store(h, e, o * shown)


@inline
def lstm_1997_back(
    a: Any, size: int, d: Any, back_c: Any, dz: Any, height: float, slope: float, count: int
) -> None:
    rows, length = strips(d, count)
    for u in range(rows):
        for e in registers(d, u, length):
            i, o = load(a, e), load(a, size + e)
            g, shown, dh = load(a, 2 * size + e), load(a, 3 * size + e), load(d, e)
            dc = load(back_c, e) + dh * o * slope * (1.0 - shown * shown)
            store(dz, e, dc * g * height * i * (1.0 - i))
            store(dz, size + e, dh * shown * o * (1.0 - o))
            store(dz, 2 * size + e, dc * i * (height * slope) * (1.0 - g * g))
            store(back_c, e, dc)
            store(d, e, zeros_of(d))


@inline
def cornn(
    a: Any,
    q: Any,
    before: Any,
    z_before: Any,
    z: Any,
    h: Any,
    dt: float,
    gamma: float,
    epsilon: float,
    count: int,
) -> None:
    """``q`` is the product with Wz."""
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            n, old, speed = tanh(load(a, e) + load(q, e)), load(before, e), load(z_before, e)
            speed = n * dt - old * (dt * gamma) + speed * (1.0 - dt * epsilon)
            store(a, e, n)
            store(z, e, speed)
            store(h, e, old + speed * dt)


@inline
def cornn_back(
    a: Any,
    d: Any,
    back_z: Any,
    direct_z: Any,
    dz: Any,
    dt: float,
    gamma: float,
    epsilon: float,
    count: int,
) -> None:
    rows, length = strips(d, count)
    for u in range(rows):
        for e in registers(d, u, length):
            n, dh = load(a, e), load(d, e)
            by_z = load(back_z, e) + dh * dt
            store(dz, e, by_z * dt * (1.0 - n * n))
            store(d, e, dh - by_z * (dt * gamma))
            store(direct_z, e, by_z * (1.0 - dt * epsilon))
