"""The memory of mLSTM over many steps at once: chunks whose factors stay in range.

    S⟨t⟩ = f′⟨t⟩·S⟨t−1⟩ + i′⟨t⟩·k⟨t⟩u⟨t⟩ᵀ
    i′⟨t⟩ = e^(i⟨t⟩ − m⟨t⟩),   f′⟨t⟩ = e^(m⟨t−1⟩ + l⟨t⟩ − m⟨t⟩)

In rnnx_zoo.chunks' terms, with b⟨t⟩ the sum of l from the chunk's start:

    D⟨ts⟩ = e^(b⟨t⟩ − m⟨t⟩ + i⟨s⟩ − b⟨s⟩),   F⟨t⟩ = e^(b⟨t⟩ − m⟨t⟩ + m⁰)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx_zoo.chunks import Chunk, after, ask, back_over, by_steps, by_written, held, parts, shares


class Steps(NamedTuple):
    """What the steps do to the memory. Where i is −∞ and l is 0 a step leaves it as it is."""

    q: Array  # (B, heads, T, d)
    k: Array
    u: Array  # (B, heads, T, d_v)
    i: Array  # (B, heads, T)
    ln_f: Array  # (B, heads, T): l, ln σ(f)
    m: Array  # (B, heads, T + 1), the initial one first


class Found(NamedTuple):
    """The gradients by what the steps do, as Steps; those by the initial S and m."""

    q: Array
    k: Array
    u: Array
    i: Array
    ln_f: Array
    S: Array  # (B, heads, d, d_v)
    m: Array  # (B, heads)


def stabilisers(i: Array, ln_f: Array, m: Array) -> Array:
    """m⟨t⟩ = max(i⟨t⟩, m⟨t−1⟩ + l⟨t⟩) of (B, heads, T) from ``m`` (B, heads) on, that one first."""
    ms = np.empty((*i.shape[:2], i.shape[2] + 1), i.dtype)
    ms[..., 0] = m
    for t in range(i.shape[2]):
        np.maximum(i[..., t], ms[..., t] + ln_f[..., t], out=ms[..., t + 1])
    return ms


def run(steps: Steps, S: Array) -> tuple[Array, Array, list[Chunk]]:
    """Sᵀ·q (B, heads, T, d_v) of each step, the last S, the chunks."""
    read, chunks, now = np.empty_like(steps.u), [], held(S)
    for part in parts(steps.q.shape[2]):
        q, k, u = (one[:, :, part] for one in steps[:3])
        chunk, of_start = ask(q, k, *_factors(steps, part), now)
        np.matmul(chunk.W, u, out=read[:, :, part])
        if of_start is not None:
            read[:, :, part] += of_start
        S = now = after(chunk, u)
        chunks.append(chunk)
    return read, S, chunks


def run_back(
    steps: Steps, chunks: list[Chunk], G: Array, by_m: Array, dS: Array, dm: Array
) -> Found:
    """From the gradients by Sᵀ·q and m of each step, and by the last S and m."""
    q, k, u, i, ln_f = (np.empty_like(one) for one in steps[:5])
    direct = np.zeros_like(steps.m)
    direct[..., 1:] = by_m
    direct[..., -1] += dm
    all_parts, later = list(parts(q.shape[2])), held(dS)
    for part, chunk in zip(reversed(all_parts), reversed(chunks), strict=True):
        u[:, :, part] = by_written(chunk, G[:, :, part], later)
        back = back_over(chunk, steps.u[:, :, part], G[:, :, part], later)
        q[:, :, part], k[:, :, part], dS = back.q, back.k, back.S
        later = dS
        i[..., part] = back.since
        ln_f[..., part] = by_steps(back.to - back.since)
        direct[..., part.start + 1 : part.stop + 1] -= back.to
        direct[..., part.start] += back.kept.sum(-1)
    total = direct[..., -1].copy()
    for t in reversed(range(q.shape[2])):  # m is the larger of two exponents
        is_i = steps.i[..., t] == steps.m[..., t + 1]
        i[..., t] += np.where(is_i, total, 0)
        total = np.where(is_i, 0, total)
        ln_f[..., t] += total
        total += direct[..., t]
    return Found(q, k, u, i, ln_f, dS, total)


def _factors(steps: Steps, part: slice) -> tuple[Array, Array]:
    """D and F of a chunk."""
    b = np.cumsum(steps.ln_f[..., part], axis=-1, dtype=np.float64)
    to = b - steps.m[..., part.start + 1 : part.stop + 1]
    D = shares(to, steps.i[..., part] - b, steps.i.dtype)
    return D, np.exp(to + steps.m[..., part.start, None]).astype(steps.i.dtype)
