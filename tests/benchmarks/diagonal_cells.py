"""CPU time of the cells of the diagonal loop, beside what their bytes and products allow.

python tests/benchmarks/diagonal_cells.py

The limit is the time of the products alone (the same calls of the BLAS on arrays of the same sizes)
plus that of moving each array of the loop once where it has to be read and once where it has to be
written, as NumPy copies that many bytes from buffer to buffer. Exponentials, and everything else
that is computed, come on top: the share says how much of the time is left for them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from timing import medians

from rnnx.contracts.buffers import Scratch
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.lru import LRU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.sru import SRU

ROUNDS = 5
SIZES = ((128, 100, 32), (256, 100, 32))  # n_a = n_x, T, B


class Work(NamedTuple):
    """What a forward and a backward pass cannot do without, n_x = n_a = n and N = T · B."""

    cell: Any
    blocks: int  # products of x with (blocks · n, n), and its two on the way back
    inner: int  # the same of a product within the cell
    moved: int  # arrays (n, N) that are read or written by the loop, both ways


WORKS = {
    "indrnn": Work(IndRNN, 1, 0, 2 + 3),
    "min_gru": Work(MinGRU, 2, 0, 5 + 6),
    "min_lstm": Work(MinLSTM, 3, 0, 7 + 8),
    "sru": Work(SRU, 3, 0, 8 + 10),
    "lru": Work(LRU, 3, 2, 7 + 8),
    "rg_lru": Work(RGLRU, 0, 2, 6 + 11),
}


def sequence(form: Any, cell: Any, n: int, T: int, B: int) -> Callable[[], None]:
    """One forward and backward pass over dense x in float32."""
    rng = np.random.default_rng(0)
    params, state = cell.init(rng, n, np.float32), cell.initial_state(B, np.float32)
    # In memory as the layer below and the layer above leave them.
    x, dh = (rng.normal(size=(n, T, B)).astype(np.float32).transpose(1, 0, 2) for _ in range(2))
    scratch = Scratch()

    def run() -> None:
        _, _, cache = form.forward(params, x, state, None, scratch)
        form.backward(params, cache, dh, None, scratch)

    return run


def limit(work: Work, n: int, T: int, B: int) -> Callable[[], None]:
    """The products, and the bytes."""
    rng, N = np.random.default_rng(0), T * B
    rows = (work.blocks + work.inner) * n
    W = rng.normal(size=(rows, n)).astype(np.float32)
    x = rng.normal(size=(n, N)).astype(np.float32)
    z, dW, dx = np.empty((rows, N), np.float32), np.empty_like(W), np.empty_like(x)
    buffers = [np.zeros((n, N), np.float32) for _ in range(6)]

    def run() -> None:
        np.matmul(W, x, out=z)
        np.matmul(z, x.T, out=dW)
        np.matmul(W.T, z, out=dx)
        for k in range(work.moved // 2):
            np.copyto(buffers[(k + 1) % 6], buffers[k % 6])

    return run


def main() -> None:
    print(f"{'cell':<10}{'units':>6}{'NumPy':>9}{'compiled':>9}{'limit':>9}{'share':>7}   ms, CPU")
    for n, T, B in SIZES:
        for name, work in WORKS.items():
            cell = work.cell(n)
            works = {
                "numpy": sequence(cell, cell, n, T, B),
                "compiled": sequence(cell.compiled(1), cell, n, T, B),
                "limit": limit(work, n, T, B),
            }
            found = {name: 1000 * seconds for name, seconds in medians(works, ROUNDS).items()}
            times = "".join(f"{ms:>9.2f}" for ms in found.values())
            share = found["limit"] / found["compiled"]
            print(f"{name:<10}{n:>6}{times}{share:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
