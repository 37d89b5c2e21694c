"""Checks of a cell's behaviour: it changes no input, has no hidden state, takes any shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.testing.cells.case import N_A, N_X, T, arrays_of, make_case, run
from rnnx.testing.suite import expect, global_state


def check_inputs_unchanged(cell: Cell) -> None:
    """No array that is passed in is changed."""
    case, lengths = make_case(cell, seed=11), np.array([T, 2, 1])
    before = {name: array.copy() for name, array in arrays_of(case).items()}
    run(case, lengths)
    for name, array in arrays_of(case).items():
        expect(np.array_equal(array, before[name]), f"{name}: was changed in place")


def check_determinism(cell: Cell) -> None:
    """Equal generators give equal parameters, and NumPy's global generator is not used."""
    small: Any = replace(cell, hidden_size=N_A)  # type: ignore[type-var]
    before = global_state()
    first = small.init(np.random.default_rng(12), N_X, np.float64)
    second = small.init(np.random.default_rng(12), N_X, np.float64)
    for name, array in first.items():
        expect(
            np.array_equal(array, second[name]),
            f"init: {name} differs between two calls with equal generators",
        )
    one, two = (run(make_case(cell, seed=12)) for _ in range(2))
    expect(np.array_equal(one.h, two.h), "forward: differs between two equal calls")
    expect(global_state() == before, "NumPy's global generator was used; use rng")


def check_scratch(cell: Cell) -> None:
    """A used scratch gives the results of a fresh one, bit for bit."""
    case, scratch = make_case(cell, seed=13), Scratch()
    fresh = run(case)
    run(case, np.array([T, 2, 1]), scratch)
    run(case, None, scratch, x=case.x[:3], dh=case.dh[:3])
    wide = [np.concatenate([a, a], axis=-1) for a in (case.x, case.dh)]
    twice = tuple(np.concatenate([s, s], axis=-1) for s in case.state)
    run(case, None, scratch, x=wide[0], dh=wide[1], state=twice, dstate=twice)
    used = run(case, None, scratch)
    expect(np.array_equal(used.h, fresh.h), "h: depends on what the scratch held before")
    for name, array in fresh.dparams.items():
        expect(
            np.array_equal(used.dparams[name], array),
            f"d{name}: depends on what the scratch held before",
        )


def check_small_shapes(cell: Cell) -> None:
    """A sequence of one step, one column and one unit works."""
    small: Any = replace(cell, hidden_size=1)  # type: ignore[type-var]
    params = small.init(np.random.default_rng(0), 2, np.float64)
    state = small.initial_state(1, np.float64)
    h, _, cache = small.forward(params, np.array([[1]]), state, None, Scratch())
    expect(h.shape == (1, 1, 1), f"T = B = n_a = 1: h has shape {h.shape}, expected (1, 1, 1)")
    dparams, _, _ = small.backward(params, cache, np.ones((1, 1, 1)), None, Scratch())
    for name, array in params.items():
        expect(
            np.shape(dparams.get(name)) == array.shape,
            f"T = B = n_a = 1: d{name} has shape {np.shape(dparams.get(name))}, "
            f"expected {array.shape}",
        )
