"""The checks of OptimizerSuite: what every optimizer must do."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Optimizer
from rnnx.testing.suite import expect, make_suite


def _params(dtype: Any = np.float64, seed: int = 0) -> Parameters:
    rng = np.random.default_rng(seed)
    tree = {"a": {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=(3, 1))}}
    return Parameters(tree, dtype)


def _gradients(params: Parameters, seed: int) -> Parameters:
    grads = params.zeros_like()
    grads.flat[:] = np.random.default_rng(seed).normal(size=params.size)
    return grads


def _updates(
    optimizer: Optimizer, params: Parameters, state: Params, first: int, last: int
) -> None:
    scratch = Scratch()
    for step in range(first, last + 1):
        grads = _gradients(params, step)
        optimizer.update(params, grads, state, optimizer.learning_rate, step, scratch)


def check_descends(optimizer: Optimizer) -> None:
    """200 updates at the optimizer's own rate reduce ½·‖p‖², from several starts."""
    for seed in range(3):
        params, scratch = _params(seed=seed), Scratch()
        state, begin = optimizer.init(params), float(np.sum(params.flat**2))
        for step in range(1, 201):
            grads = params.copy()  # the gradient of ½·‖p‖² is p
            optimizer.update(params, grads, state, optimizer.learning_rate, step, scratch)
        end = float(np.sum(params.flat**2))
        expect(end < begin, f"the sum of squares went from {begin:.6g} to {end:.6g} in 200 updates")


def check_first_step(optimizer: Optimizer) -> None:
    """The first update moves every entry against its gradient."""
    params = _params()
    params.flat[:] = 0
    grads = _gradients(params, 1)
    signs = np.sign(grads.flat)
    optimizer.update(params, grads, optimizer.init(params), 0.1, 1, Scratch())
    wrong = np.sign(params.flat) != -signs
    expect(
        not wrong.any(),
        f"{int(wrong.sum())} of {params.size} entries did not move against the gradient",
    )


def check_in_place(optimizer: Optimizer) -> None:
    """``update`` changes parameters and state in place, and keeps their dtypes."""
    for dtype in (np.float32, np.float64):
        params = _params(dtype)
        flat, view, before = params.flat, params["a"]["W"], params.flat.copy()
        state = optimizer.init(params)
        arrays = dict(state)
        _updates(optimizer, params, state, 1, 3)
        expect(params.flat is flat, "params.flat was replaced; change it in place")
        expect(not np.array_equal(flat, before), "the parameters did not change")
        expect(np.shares_memory(view, flat), "a parameter is no longer a view of params.flat")
        expect(flat.dtype == dtype, f"parameters of {np.dtype(dtype)} became {flat.dtype}")
        expect(state.keys() == arrays.keys(), "update: added or removed a part of the state")
        for name, array in arrays.items():
            expect(state[name] is array, f"state {name} was replaced; change it in place")
            floating = np.issubdtype(array.dtype, np.floating)
            expect(not floating or array.dtype == dtype, f"state {name} is {array.dtype}")


def check_rate(optimizer: Optimizer) -> None:
    """A rate of 0 moves nothing; the first update at twice the rate moves twice as far."""
    moves: list[Array] = []
    for rate in (0.0, 1e-4, 2e-4):
        params = _params()
        before = params.flat.copy()
        optimizer.update(params, _gradients(params, 1), optimizer.init(params), rate, 1, Scratch())
        moves.append(params.flat - before)
    expect(not moves[0].any(), "a rate of 0 moved the parameters")
    expect(
        np.allclose(moves[2], 2 * moves[1], rtol=1e-6, atol=1e-12),
        "twice the rate does not move twice as far: use the rate that is passed in",
    )


def check_state_round_trip(optimizer: Optimizer) -> None:
    """Continuing from copies of parameters and state gives the same, bit for bit."""
    whole = _params()
    state = optimizer.init(whole)
    _updates(optimizer, whole, state, 1, 5)
    copy, copied = whole.copy(), {name: array.copy() for name, array in state.items()}
    _updates(optimizer, whole, state, 6, 12)
    _updates(optimizer, copy, copied, 6, 12)
    expect(
        np.array_equal(whole.flat, copy.flat),
        "continuing from copies of parameters and state differs: update keeps something elsewhere",
    )


def check_entries_are_finite(optimizer: Optimizer) -> None:
    """Gradients of 0 and of 1e-30 give finite parameters."""
    for size in (0.0, 1e-30):
        params = _params(np.float32)
        state, scratch = optimizer.init(params), Scratch()
        for step in (1, 2, 3):
            grads = params.zeros_like()
            grads.flat[:] = size
            optimizer.update(params, grads, state, optimizer.learning_rate, step, scratch)
        expect(
            bool(np.isfinite(params.flat).all()),
            f"gradients of {size} give parameters that are not finite",
        )


CHECKS = (
    check_descends,
    check_first_step,
    check_in_place,
    check_rate,
    check_state_round_trip,
    check_entries_are_finite,
)

OptimizerSuite = make_suite("optimizer", CHECKS)
