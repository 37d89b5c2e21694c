"""A cell written as one step on dense x, run over a sequence, and its slopes by differences.

The reference of a cell is ``step(p, x, state) -> state`` in float64, written from the paper's
equations; nothing here is shared with the cells.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnx.contracts.buffers import Scratch
from rnnx.testing.gradients import check_slopes

Step = Callable[[dict[str, np.ndarray], np.ndarray, tuple[np.ndarray, ...]], tuple[np.ndarray, ...]]
T, B = 4, 3


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def naive(step: Step, p: Any, x: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
    hs = []
    for x_t in x:
        state = step(p, x_t, state)
        hs.append(state[0])
    return np.array(hs).reshape(len(x), *state[0].shape), state


def check_equations(
    cell: Any, step: Step, n_x: int, prepare: Any = None, lengths: np.ndarray | None = None
) -> None:
    """Forward equals the reference; backward equals the slopes of the reference.

    The loss has a random weight for every number of h and of every part of the final state.
    ``prepare`` turns random states into states that the cell can have.
    """
    rng = np.random.default_rng(3)
    p = cell.init(rng, n_x, np.float64)
    p = {k: v + rng.normal(scale=0.3, size=v.shape) for k, v in p.items()}
    x = rng.normal(size=(T, n_x, B))
    state = tuple(rng.normal(size=s.shape) for s in cell.initial_state(B, np.float64))
    if prepare is not None:
        state = prepare(state)
    dh = rng.normal(size=(T, cell.hidden_size, B))
    dstate = tuple(rng.normal(size=s.shape) for s in state)
    ends = np.full(B, T) if lengths is None else lengths

    def reference() -> tuple[np.ndarray, list[np.ndarray]]:
        h, final = np.zeros_like(dh), [s.copy() for s in state]
        for b in range(B):
            one = slice(b, b + 1)
            given = tuple(s[..., one] for s in state)
            h[: ends[b], :, one], last = naive(step, p, x[: ends[b], :, one], given)
            for k, s in enumerate(last):
                final[k][..., one] = s
        return h, final

    def loss() -> float:
        h, final = reference()
        by_state = sum(float(np.sum(s * d)) for s, d in zip(final, dstate, strict=True))
        return float(np.sum(h * dh)) + by_state

    scratch = Scratch()
    h, final, cache = cell.forward(p, x, state, lengths, scratch)
    expected, last = reference()
    np.testing.assert_allclose(h, expected, rtol=1e-10, atol=1e-12)
    for found, wanted in zip(final, last, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    dparams, dx, dstate0 = cell.backward(p, cache, dh, dstate, scratch)
    points = {**p, "x": x} | {f"state {k}": s for k, s in enumerate(state)}
    slopes = {**dparams, "x": dx} | {f"state {k}": s for k, s in enumerate(dstate0)}
    check_slopes(loss, points, slopes)
