"""A matrix memory that fades as a whole, over many steps at once: as products, not step by step.

    C⟨t⟩ = f′⟨t⟩·C⟨t−1⟩ + i′⟨t⟩·k⟨t⟩v⟨t⟩ᵀ,   n⟨t⟩ = f′⟨t⟩·n⟨t−1⟩ + i′⟨t⟩·k⟨t⟩
    i′⟨t⟩ = e^(i⟨t⟩ − m⟨t⟩),   f′⟨t⟩ = e^(m⟨t−1⟩ + l⟨t⟩ − m⟨t⟩)

Over a chunk of L steps from C⁰, n⁰, m⁰ on, with b⟨t⟩ = l⟨1⟩ + … + l⟨t⟩:

    F⟨t⟩ = e^(b⟨t⟩ + m⁰ − m⟨t⟩),   D⟨ts⟩ = e^(b⟨t⟩ − b⟨s⟩ + i⟨s⟩ − m⟨t⟩) for s ≤ t, else 0
    W = D ⊙ (Q·Kᵀ)
    C⟨t⟩ᵀ·q⟨t⟩ = row t of  W·V + F ⊙ (Q·C⁰),     n⟨t⟩·q⟨t⟩ = that of  W·1 + F ⊙ (Q·n⁰)

This is the chunkwise form of Beck et al. 2024 and Yang et al. 2024 (gated linear attention). A
chunk costs 2·L² + 2·d² numbers a step where the loop reads and writes the d² of C several times,
and only the C between chunks are kept. Arrays are (B, heads, T, …), so that the matrices of a
column and head stand in one piece.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx_zoo.matrix import dot

CHUNK = 64  # steps: D and W are as large as C at 64 units a head


class Steps(NamedTuple):
    """What the steps do to the memory. Where i is −∞ and l is 0 a step leaves it as it is."""

    q: Array  # (B, heads, T, d)
    k: Array
    v: Array
    i: Array  # (B, heads, T)
    ln_f: Array  # (B, heads, T): l, ln σ(f)
    m: Array  # (B, heads, T + 1), the initial one first


class Chunk(NamedTuple):
    """What the backward pass needs of a chunk."""

    steps: slice
    C: Array  # (B, heads, d, d): C⁰
    n: Array  # (B, heads, d): n⁰
    D: Array  # (B, heads, L, L)
    W: Array  # (B, heads, L, L)
    F: Array  # (B, heads, L)


class Found(NamedTuple):
    """The gradients by what the steps do, as Steps; those by the initial C, n and m."""

    q: Array
    k: Array
    v: Array
    i: Array
    ln_f: Array
    C: Array
    n: Array
    m: Array  # (B, heads)


def stabilisers(i: Array, ln_f: Array, m: Array) -> Array:
    """m⟨t⟩ = max(i⟨t⟩, m⟨t−1⟩ + l⟨t⟩) of (B, heads, T) from ``m`` (B, heads) on, that one first."""
    ms = np.empty((*i.shape[:2], i.shape[2] + 1), i.dtype)
    ms[..., 0] = m
    for t in range(i.shape[2]):
        np.maximum(i[..., t], ms[..., t] + ln_f[..., t], out=ms[..., t + 1])
    return ms


def run(steps: Steps, C: Array, n: Array) -> tuple[Array, Array, Array, Array, list[Chunk]]:
    """Cᵀ·q (B, heads, T, d) and n·q (B, heads, T) of each step, the last C and n, the chunks."""
    T = steps.q.shape[2]
    read, by_norm, chunks = np.empty_like(steps.v), np.empty_like(steps.i), []
    for start in range(0, T, CHUNK):
        part = slice(start, min(start + CHUNK, T))
        q, k, v = (one[:, :, part] for one in steps[:3])
        D, F = _factors(steps, part)
        W = np.matmul(q, _turned(k))
        W *= D
        np.matmul(W, v, out=read[:, :, part])
        by_norm[:, :, part] = W.sum(-1)
        chunks.append(Chunk(part, C, n, D, W, F))
        written, kept = D[..., -1, :, None] * k, F[..., -1:]
        after = np.matmul(_turned(written), v), written.sum(-2)
        if _holds(C, n):  # the products with an empty memory are half of the work
            read[:, :, part] += F[..., None] * np.matmul(q, C)
            by_norm[:, :, part] += F * np.matmul(q, n[..., None])[..., 0]
            after = after[0] + kept[..., None] * C, after[1] + kept * n
        C, n = after
    return read, by_norm, C, n, chunks


def run_back(
    steps: Steps,
    chunks: list[Chunk],
    by_read: Array,
    by_norm: Array,
    by_m: Array,
    last: tuple[Array, Array, Array],
) -> Found:
    """From the gradients by Cᵀ·q, n·q and m of each step, and by the last C, n and m."""
    dC, dn, dm = last
    q, k, v, i, ln_f = (np.empty_like(one) for one in steps[:5])
    found = Found(q, k, v, i, ln_f, dC, dn, dm)
    direct = np.zeros_like(steps.m)
    direct[..., 1:] = by_m
    direct[..., -1] += dm
    for chunk in reversed(chunks):
        found = _back_over(steps, chunk, by_read, by_norm, direct, found)
    total = direct[..., -1].copy()
    for t in reversed(range(steps.q.shape[2])):  # m is the larger of two exponents
        is_i = steps.i[..., t] == steps.m[..., t + 1]
        found.i[..., t] += np.where(is_i, total, 0)
        total = np.where(is_i, 0, total)
        found.ln_f[..., t] += total
        total += direct[..., t]
    return found._replace(m=total)


def _factors(steps: Steps, part: slice) -> tuple[Array, Array]:
    """D and F of a chunk; float64 up to the exponent, in which large numbers cancel."""
    b = np.cumsum(steps.ln_f[..., part], axis=-1, dtype=np.float64)
    m = steps.m[..., part.start + 1 : part.stop + 1]
    rows, columns = b - m, steps.i[..., part] - b
    D = (rows[..., :, None] + columns[..., None, :]).astype(steps.i.dtype)
    L = D.shape[-1]
    D[..., ~np.tri(L, dtype=bool)] = -np.inf
    np.exp(D, out=D)
    F = np.exp(rows + steps.m[..., part.start, None])
    return D, F.astype(steps.i.dtype)


def _back_over(
    steps: Steps, chunk: Chunk, by_read: Array, by_norm: Array, direct: Array, found: Found
) -> Found:
    """Fill the part of a chunk; the gradients by C, n before it. Adds those by m to ``direct``."""
    part, C, n, D, W, F = chunk
    q, k, v = (one[:, :, part] for one in steps[:3])
    G, g, dC, dn = by_read[:, :, part], by_norm[:, :, part], found.C, found.n
    kept, ends = F[..., -1:], D[..., -1, :, None]
    dW = np.matmul(G, _turned(v))
    dW += g[..., None]
    by_D = dW * W  # by the exponents of D
    dW *= D
    dq, dk, dv = np.matmul(dW, k), np.matmul(_turned(dW), q), np.matmul(_turned(W), G)
    by_F = np.zeros_like(F)
    if _holds(C, n):  # what the start still gives to each step
        by_start = F[..., None] * np.matmul(G, _turned(C)) + (F * g)[..., None] * n[..., None, :]
        dq += by_start
        by_F += dot(q, by_start)
    if _holds(dC, dn):  # what the last step still holds of each, and of the start
        by_end = np.matmul(v, _turned(dC)) + dn[..., None, :]
        by_D[..., -1, :] += dot(ends * k, by_end)
        by_F[..., -1] += kept[..., 0] * (np.einsum("bhkv,bhkv->bh", dC, C) + dot(dn, n))
        dk += ends * by_end
        dv += np.matmul(ends * k, dC)
    found.q[:, :, part], found.k[:, :, part], found.v[:, :, part] = dq, dk, dv
    rows, columns = by_D.sum(-1) + by_F, by_D.sum(-2)
    found.i[..., part] = columns
    # b is a sum from the chunk's start, so a step's l is in all b from it on.
    found.ln_f[..., part] = np.cumsum((rows - columns)[..., ::-1], axis=-1)[..., ::-1]
    direct[..., part.start + 1 : part.stop + 1] -= rows
    direct[..., part.start] += by_F.sum(-1)
    dC = kept[..., None] * dC + np.matmul(_turned(F[..., None] * q), G)
    dn = kept * dn + np.matmul((F * g)[..., None, :], q)[..., 0, :]
    return found._replace(C=dC, n=dn)


def _holds(C: Array, n: Array) -> bool:
    """Whether a memory, or a gradient of one, is anything but 0."""
    return bool(C.any() or n.any())


def _turned(matrices: Array) -> Array:
    """The transpose of each matrix."""
    return np.swapaxes(matrices, -1, -2)
