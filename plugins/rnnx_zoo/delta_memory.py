"""The memory of the delta rule over many steps at once: what it gets wrong, solved for.

    e⟨t⟩ = v⟨t⟩ − (a⟨t⟩·S⟨t−1⟩)ᵀ·k⟨t⟩,   u⟨t⟩ = β⟨t⟩·e⟨t⟩
    S⟨t⟩ = a⟨t⟩·S⟨t−1⟩ + k⟨t⟩u⟨t⟩ᵀ

A key is one more question, of the memory without the step's own u: with A and W the rows of
rnnx_zoo.chunks' W that belong to the keys (s < t) and to the questions (s ≤ t),

    U = β ⊙ (V − F ⊙ (K·S⁰) − A·U) = (I + β ⊙ A)⁻¹·(β ⊙ (V − F ⊙ (K·S⁰)))
    H = W·U + F ⊙ (Q·S⁰)

the UT transform of Yang et al. 2024 (DeltaNet over the length of a sequence) and 2025. With a
length of k of at most 1 and β of at most 2 no number of the inverse is above 2.

Back, with dU from the reads and the memory after:  dE = β ⊙ (I + β ⊙ A)⁻ᵀ·dU, the gradient by V,
and −dE is that by what the keys read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx_zoo.chunks import (
    Chunk,
    after,
    ask,
    back_over,
    by_steps,
    by_written,
    held,
    parts,
    shares,
    turned,
)
from rnnx_zoo.matrix import dot

SMALL = 16  # rows that LAPACK inverts at once; larger matrices are put together from such


class Steps(NamedTuple):
    """What the steps do to the memory. Where β and ln a are 0 a step leaves it as it is."""

    q: Array  # (B, heads, T, d)
    k: Array  # (B, heads, T, d): not longer than 1
    v: Array  # (B, heads, T, d)
    beta: Array  # (B, heads, T): 0 … 2
    ln_a: Array | None  # (B, heads, T): at most 0; None: all 0


class Solved(NamedTuple):
    """A chunk and its solution."""

    chunk: Chunk  # the questions: the keys, then q
    inverse: Array  # (B, heads, L, L): of I + β ⊙ A
    u: Array  # (B, heads, L, d)


class Found(NamedTuple):
    """The gradients by what the steps do, and by the initial S."""

    q: Array
    k: Array
    v: Array
    ln_beta: Array
    ln_a: Array
    S: Array  # (B, heads, d, d)


def run(steps: Steps, S: Array) -> tuple[Array, Array, list[Solved]]:
    """Sᵀ·q (B, heads, T, d) of each step, the last S, the chunks."""
    read, chunks, now = np.empty_like(steps.v), [], held(S)
    for part in parts(steps.q.shape[2]):
        q, k, v = (one[:, :, part] for one in steps[:3])
        L, beta = q.shape[2], steps.beta[:, :, part, None]
        chunk, of_start = ask(np.concatenate([k, q], axis=2), k, *_factors(steps, part), now)
        inverse = inverse_of(beta * chunk.W[:, :, :L])
        wanted = v if of_start is None else v - of_start[:, :, :L]
        u = np.matmul(inverse, beta * wanted)
        np.matmul(chunk.W[:, :, L:], u, out=read[:, :, part])
        if of_start is not None:
            read[:, :, part] += of_start[:, :, L:]
        S = now = after(chunk, u)
        chunks.append(Solved(chunk, inverse, u))
    return read, S, chunks


def run_back(steps: Steps, chunks: list[Solved], G: Array, dS: Array) -> Found:
    """From the gradients by Sᵀ·q of each step and by the last S."""
    q, k, v = (np.empty_like(one) for one in steps[:3])
    ln_beta, ln_a = np.empty_like(steps.beta), np.empty_like(steps.beta)
    all_parts, later = list(parts(q.shape[2])), held(dS)
    for part, (chunk, inverse, u) in zip(reversed(all_parts), reversed(chunks), strict=True):
        read, L = G[:, :, part], u.shape[2]
        by_u = np.matmul(turned(inverse), by_written(chunk, read, later))
        ln_beta[:, :, part] = dot(by_u, u)
        v[:, :, part] = by_error = steps.beta[:, :, part, None] * by_u
        back = back_over(chunk, u, np.concatenate([-by_error, read], axis=2), later)
        k[:, :, part], q[:, :, part] = back.k + back.q[:, :, :L], back.q[:, :, L:]
        ln_a[:, :, part] = by_steps(back.to[..., :L] + back.to[..., L:] - back.since)
        dS = later = back.S
    return Found(q, k, v, ln_beta, ln_a, dS)


def inverse_of(N: Array) -> Array:
    """(I + N)⁻¹ of strictly lower triangular N (…, L, L), by halves."""
    L = N.shape[-1]
    if L <= SMALL:
        inverse: Array = np.tril(np.linalg.inv(N + np.eye(L, dtype=N.dtype)))
        return inverse
    half, out = L // 2, np.zeros_like(N)
    out[..., :half, :half] = first = inverse_of(N[..., :half, :half])
    out[..., half:, half:] = second = inverse_of(N[..., half:, half:])
    np.matmul(np.matmul(-second, N[..., half:, :half]), first, out=out[..., half:, :half])
    return out


def _factors(steps: Steps, part: slice) -> tuple[Array, Array]:
    """D and F of the keys and then of the questions of a chunk."""
    L, dtype = part.stop - part.start, steps.q.dtype
    ln_a = np.zeros((1, 1, L)) if steps.ln_a is None else steps.ln_a[:, :, part]
    b = np.cumsum(ln_a, axis=-1, dtype=np.float64)
    of_questions = shares(b, -b, dtype)
    of_keys = np.tril(of_questions, -1)
    F = np.exp(b).astype(dtype)
    return np.concatenate([of_keys, of_questions], axis=-2), np.concatenate([F, F], axis=-1)
