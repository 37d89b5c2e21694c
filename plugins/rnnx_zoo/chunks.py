"""A matrix memory that fades as a whole, over a chunk of steps at once: as products.

    S⟨t⟩ = f⟨t⟩·S⟨t−1⟩ + i⟨t⟩·k⟨t⟩u⟨t⟩ᵀ          S (d, d_v), one for each column and head

With b⟨t⟩ = ln f⟨1⟩ + … + ln f⟨t⟩ over a chunk of L steps from S⁰ on, a question q⟨r⟩ asked after
step t reads

    S⟨t⟩ᵀ·q⟨r⟩ = row r of  W·U + F ⊙ (Q·S⁰),   W = D ⊙ (Q·Kᵀ)
    D⟨rs⟩ = i⟨s⟩·e^(b⟨t⟩ − b⟨s⟩) for s ≤ t, else 0,   F⟨r⟩ = e^b⟨t⟩

This is the chunkwise form of Beck et al. 2024 and Yang et al. 2024 (gated linear attention). A
chunk costs 2·L² + 2·d² numbers a step where a loop over the steps reads and writes the d² of S
several times, and only the S between chunks are kept. Arrays are (B, heads, …): the matrices of a
column and head stand in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx_zoo.matrix import dot

LENGTH = 64  # steps: D and W are as large as S at 64 units a head


class Chunk(NamedTuple):
    """A chunk of L steps and its R ≥ L questions, the last L of them one after each step."""

    q: Array  # (B, heads, R, d)
    k: Array  # (B, heads, L, d)
    D: Array  # (B, heads, R, L), or 1 in place of B and heads
    F: Array  # (B, heads, R), likewise
    W: Array  # (B, heads, R, L)
    S: Array | None  # (B, heads, d, d_v): S⁰; None: 0


class Back(NamedTuple):
    """The gradients of a chunk, but for that by u."""

    q: Array  # as in Chunk
    k: Array
    to: Array  # (B, heads, R): by the exponents of F and of D, along a row
    since: Array  # (B, heads, L): by the exponents of D, along a column
    kept: Array  # (B, heads, R): by the exponents of F alone
    S: Array  # (B, heads, d, d_v): by S⁰


def parts(T: int) -> Iterator[slice]:
    """The steps of each chunk."""
    for start in range(0, T, LENGTH):
        yield slice(start, min(start + LENGTH, T))


def shares(to: Array, since: Array, dtype: np.dtype) -> Array:
    """e^(to⟨t⟩ + since⟨s⟩) for s ≤ t, else 0: (…, L), (…, L) → (…, L, L).

    Both are float64, for large numbers cancel in their sum.
    """
    D = (to[..., :, None] + since[..., None, :]).astype(dtype)
    D[..., ~np.tri(D.shape[-1], dtype=bool)] = -np.inf
    found: Array = np.exp(D, out=D)
    return found


def held(S: Array) -> Array | None:
    """None for 0: the products with an empty memory, or a gradient of 0, are half of the work."""
    return S if S.any() else None


def ask(q: Array, k: Array, D: Array, F: Array, S: Array | None) -> tuple[Chunk, Array | None]:
    """The chunk, and F ⊙ (Q·S⁰) (B, heads, R, d_v), None for 0."""
    W = np.matmul(q, turned(k))
    W *= D
    of_start = None
    if S is not None:
        of_start = np.matmul(q, S)
        of_start *= F[..., None]
    return Chunk(q, k, D, F, W, S), of_start


def after(chunk: Chunk, u: Array) -> Array:
    """S after the last step, which wrote ``u`` (B, heads, L, d_v) under the keys."""
    S: Array = np.matmul(turned(chunk.D[..., -1, :, None] * chunk.k), u)
    if chunk.S is not None:
        S += chunk.F[..., -1:, None] * chunk.S
    return S


def by_written(chunk: Chunk, G: Array, dS: Array | None) -> Array:
    """The gradient by u from those by the last L reads (B, heads, L, d_v) and by the last S."""
    du: Array = np.matmul(turned(chunk.W[..., -G.shape[-2] :, :]), G)
    if dS is not None:
        du += np.matmul(chunk.D[..., -1, :, None] * chunk.k, dS)
    return du


def back_over(chunk: Chunk, u: Array, G: Array, dS: Array | None) -> Back:
    """From the gradients by all R reads (B, heads, R, d_v) and by the last S."""
    q, k, D, F, W, S = chunk
    ends = D[..., -1, :, None]
    dW = np.matmul(G, turned(u))
    by_D = dW * W  # by the exponents of D
    to, since = by_D.sum(-1), by_D.sum(-2)
    dW *= D
    dq, dk = np.matmul(dW, k), np.matmul(turned(dW), q)
    kept = np.zeros_like(to)
    before: Array = np.matmul(turned(F[..., None] * q), G)
    if S is not None:  # what the start still gives to each question
        by_start = np.matmul(G, turned(S))
        by_start *= F[..., None]
        kept += dot(q, by_start)
        dq += by_start
    if dS is not None:  # what the last step still holds of each, and of the start
        by_end = np.matmul(u, turned(dS))
        by_end *= ends
        by_ends = dot(k, by_end)
        dk += by_end
        since += by_ends
        to[..., -1] += by_ends.sum(-1)
        if S is not None:
            kept[..., -1] += F[..., -1] * np.einsum("bhkv,bhkv->bh", dS, S)
        before += F[..., -1:, None] * dS
    to += kept
    return Back(dq, dk, to, since, kept, before)


def by_steps(by_sums: Array) -> Array:
    """The gradients by ln f⟨t⟩ from those by b⟨t⟩: a step's ln f is in all b from it on."""
    found: Array = np.cumsum(by_sums[..., ::-1], axis=-1)[..., ::-1]
    return found


def turned(matrices: Array) -> Array:
    """The transpose of each matrix."""
    return np.swapaxes(matrices, -1, -2)
