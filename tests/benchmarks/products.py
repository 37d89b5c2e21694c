"""What a step's matrix products alone cost: the bound that the BLAS sets."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from rows import BLOCKS, Row


class Product(NamedTuple):
    """One of a step's products with contiguous operands, and how often the step makes it."""

    work: Callable[[], object]
    flops: float  # of one
    times: int


def products(cell: str, row: Row) -> dict[str, Product]:
    """Forward, backward, the gradient of the recurrent weights, and the head's three.

    The input has none: ids choose columns of its weights, and their gradient is a sum.
    """
    (n_y, n_a, B, T), k = row[:4], BLOCKS[cell]
    shapes = {
        "forward": (k * n_a, n_a, B, T),
        "backward": (n_a, k * n_a, B, T),
        "dWh": (k * n_a, T * B, n_a, 1),
        "logits": (n_y, n_a, T * B, 1),
        "dWy": (n_y, T * B, n_a, 1),
        "dh": (n_a, n_y, T * B, 1),
    }
    return {name: _product(*shape) for name, shape in shapes.items()}


def _product(m: int, n: int, p: int, times: int) -> Product:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(m, n)).astype(np.float32)
    b = rng.normal(size=(n, p)).astype(np.float32)
    out = np.empty((m, p), np.float32)
    if times == 1 and n > max(m, p):  # a gradient: dz @ h.T, h as it lies
        b = np.ascontiguousarray(b.T).T
    return Product(lambda: np.matmul(a, b, out=out), 2.0 * m * n * p, times)


def shares(
    cell: str, row: Row, seconds: dict[str, float], step: float
) -> tuple[float, float, float]:
    """The best rate in GF/s; the step's share of it; and of each product at its own rate."""
    made = products(cell, row)
    best = max(product.flops / seconds[name] for name, product in made.items())
    flops = sum(product.flops * product.times for product in made.values())
    alone = sum(seconds[name] * product.times for name, product in made.items())
    return best / 1e9, flops / best / step, alone / step
