"""The checks of OptimizerSuite: what every optimizer must do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Optimizer
from rnnx.testing.compiled import compiled_check
from rnnx.testing.gradients import same
from rnnx.testing.groups import check_groups
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.states import fresh_state
from rnnx.testing.suite import NotApplicable, expect, make_suite


def _params(dtype: Any = np.float64, seed: int = 0) -> Parameters:
    rng = np.random.default_rng(seed)
    shapes = {
        "layer0": {"Wx": (12, 5), "Wh": (12, 3), "b": (12, 1)},
        "layer1": {"Wx": (12, 3), "Wh": (12, 3), "b": (12, 1)},
        "head": {"Wy": (5, 3), "by": (5, 1)},
    }
    tree = {
        part: {name: rng.normal(size=shape) for name, shape in arrays.items()}
        for part, arrays in shapes.items()
    }
    return Parameters(tree, dtype)


def _gradients(params: Parameters, seed: int) -> Parameters:
    grads = params.zeros_like()
    grads.flat[:] = np.random.default_rng(seed).normal(size=params.size)
    return grads


def _updates(
    optimizer: Optimizer,
    params: Parameters,
    state: Params,
    first: int,
    last: int,
    scratch: Scratch | None = None,
) -> None:
    scratch = scratch or Scratch()
    for step in range(first, last + 1):
        grads = _gradients(params, step)
        optimizer.update(params, grads, state, optimizer.learning_rate, step, scratch)


def exercise(optimizer: Optimizer, which: int) -> Results:
    """Parameters and state after 12 updates, in both dtypes."""
    results: dict[str, Any] = {}
    for dtype in (np.float32, np.float64):
        params = _params(dtype, seed=which)
        state = fresh_state(optimizer, "init", params)
        _updates(optimizer, params, state, 1, 12)
        results[f"parameters in {np.dtype(dtype)}"] = params.flat
        results |= {f"state {k} in {np.dtype(dtype)}": v for k, v in state.items()}
    return results


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)
check_compiled = compiled_check(exercise, ("update",))


def check_descends(optimizer: Optimizer) -> None:
    """600 updates at the optimizer's own rate reduce ½·‖p‖², which does not come back up.

    Whoever adds up gradients without letting them decay swings for ever.
    """
    for seed in range(3):
        params, scratch = _params(seed=seed), Scratch()
        state, begin = fresh_state(optimizer, "init", params), float(np.sum(params.flat**2))
        lowest = begin
        for step in range(1, 601):
            grads = params.copy()  # the gradient of ½·‖p‖² is p
            optimizer.update(params, grads, state, optimizer.learning_rate, step, scratch)
            now = float(np.sum(params.flat**2))
            lowest = min(lowest, now)
            if step in (200, 600):
                expect(
                    now < begin,
                    f"the sum of squares went from {begin:.6g} to {now:.6g} in {step} updates",
                )
            expect(
                lowest > 0.5 * begin or now < 0.9 * begin,
                f"the sum of squares went from {begin:.6g} down to {lowest:.6g}, and at update "
                f"{step} it is {now:.6g} again",
            )


def check_first_step(optimizer: Optimizer) -> None:
    """The first update moves every entry against its gradient."""
    params = _params()
    params.flat[:] = 0
    grads = _gradients(params, 1)
    signs = np.sign(grads.flat)
    optimizer.update(params, grads, fresh_state(optimizer, "init", params), 0.1, 1, Scratch())
    wrong = np.sign(params.flat) != -signs
    expect(
        not wrong.any(),
        f"{int(wrong.sum())} of {params.size} entries did not move against the gradient",
    )


def check_in_place(optimizer: Optimizer) -> None:
    """``update`` changes parameters and state in place, and keeps their dtypes."""
    for dtype in (np.float32, np.float64):
        params = _params(dtype)
        flat, view, before = params.flat, params["layer0"]["Wx"], params.flat.copy()
        state = fresh_state(optimizer, "init", params)
        arrays = dict(state)
        _updates(optimizer, params, state, 1, 3)
        expect(params.flat is flat, "params.flat was replaced; change it in place")
        expect(not np.array_equal(flat, before), "the parameters did not change")
        expect(np.shares_memory(view, flat), "a parameter is no longer a view of params.flat")
        expect(flat.dtype == dtype, f"parameters of {np.dtype(dtype)} became {flat.dtype}")
        expect(state.keys() == arrays.keys(), "update: added or removed a part of the state")
        for name, array in arrays.items():
            expect(state[name] is array, f"state {name} was replaced; change it in place")
            expect(
                array.dtype.kind in "biuf",
                f"state {name} is {array.dtype}, which a checkpoint cannot keep",
            )


def check_rate(optimizer: Optimizer) -> None:
    """A rate of 0 moves nothing; the first update at twice the rate moves twice as far."""
    moves: list[Array] = []
    for rate in (0.0, 1e-4, 2e-4):
        params = _params()
        before = params.flat.copy()
        optimizer.update(
            params,
            _gradients(params, 1),
            fresh_state(optimizer, "init", params),
            rate,
            1,
            Scratch(),
        )
        moves.append(params.flat - before)
    expect(not moves[0].any(), "a rate of 0 moved the parameters")
    expect(
        np.allclose(moves[2], 2 * moves[1], rtol=1e-6, atol=1e-12),
        "twice the rate does not move twice as far: use the rate that is passed in",
    )


def check_own_rate(optimizer: Optimizer) -> None:
    """The rate that is passed in decides alone: the field ``learning_rate`` changes no update."""
    other: Any = replace(optimizer, learning_rate=optimizer.learning_rate / 2)  # type: ignore[type-var]
    found = []
    for one in (optimizer, other):
        params = _params(seed=1)
        state, scratch = fresh_state(one, "init", params), Scratch()
        for step in range(1, 13):
            one.update(params, _gradients(params, step), state, 0.01, step, scratch)
        found.append(params.flat)
    same(
        found[1],
        found[0],
        "half the field learning_rate with the same rate, after 12 updates: the parameters",
    )


def check_state_round_trip(optimizer: Optimizer) -> None:
    """Continuing from copies of parameters and state gives the same, bit for bit.

    It is tried at several steps, each continued for up to 1,000 updates with a scratch of its own,
    after another run has made updates in between.
    """
    whole, scratch = _params(), Scratch()
    state, done = fresh_state(optimizer, "init", whole), 0
    for step, end in ((5, 12), (37, 64), (101, 1100)):
        _updates(optimizer, whole, state, done + 1, step, scratch)
        copy, copied = whole.copy(), {name: array.copy() for name, array in state.items()}
        _updates(optimizer, whole, state, step + 1, end, scratch)
        other = _params(seed=9)
        _updates(optimizer, other, fresh_state(optimizer, "init", other), 1, 25)
        _updates(optimizer, copy, copied, step + 1, end)
        done = end
        expect(
            np.array_equal(whole.flat, copy.flat),
            f"continuing at step {step} from copies of parameters and state differs at step {end}: "
            "update keeps something elsewhere",
        )


def check_state_has_a_say(optimizer: Optimizer) -> None:
    """Each part of the state affects the next 100 updates, and is not all 0 after 100."""
    params = _params()
    state = fresh_state(optimizer, "init", params)
    if not state:
        raise NotApplicable("the optimizer has no state")
    _updates(optimizer, params, state, 1, 100)
    plain, copied = params.copy(), {name: array.copy() for name, array in state.items()}
    _updates(optimizer, plain, copied, 101, 200)
    for name, array in state.items():
        expect(bool(array.any()), f"state {name}: is all 0 after 100 updates")
        moved, changed = params.copy(), {key: value.copy() for key, value in state.items()}
        changed[name] *= 3
        _updates(optimizer, moved, changed, 101, 200)
        differs = not np.array_equal(moved.flat, plain.flat)
        expect(differs, f"state {name}: has no effect on the next 100 updates")


def check_no_gradient(optimizer: Optimizer) -> None:
    """Without a gradient no parameter grows: what decays goes towards 0."""
    params = _params()
    state, before = fresh_state(optimizer, "init", params), np.abs(params.flat)
    for step in (1, 2, 3):
        grads = params.zeros_like()
        optimizer.update(params, grads, state, optimizer.learning_rate, step, Scratch())
    grown = np.abs(params.flat) > before * (1 + 1e-9)
    expect(not grown.any(), f"{int(grown.sum())} of {params.size} parameters grew without gradient")


def check_precision(optimizer: Optimizer) -> None:
    """20 updates in float32 and in float64 agree to float32's rounding."""
    found = []
    for dtype in (np.float64, np.float32):
        params = _params(dtype)
        _updates(optimizer, params, fresh_state(optimizer, "init", params), 1, 20)
        found.append(params.flat)
    same(found[1], found[0], "20 updates in float32 against float64: the parameters", np.float32)


def check_large_sizes(optimizer: Optimizer) -> None:
    """5,000 parameters in the rows of a network are updated as each of them is alone at first."""
    rng = np.random.default_rng(0)
    tree = {"layer0": {"Wx": rng.normal(size=(70, 65))}, "head": {"Wy": rng.normal(size=(33, 14))}}
    params = Parameters(tree, np.float64)
    before, grads = params.flat.copy(), _gradients(params, 1)
    signs = np.sign(grads.flat)
    optimizer.update(params, grads, fresh_state(optimizer, "init", params), 1e-3, 1, Scratch())
    still = np.flatnonzero(params.flat == before)
    expect(not len(still), f"entry {still[:1]} of {params.size} did not move")
    alike = np.mean(np.sign(before - params.flat) == signs)
    expect(alike > 0.9, f"only {alike:.1%} of {params.size} entries move against the gradient")


def check_entries_are_finite(optimizer: Optimizer) -> None:
    """Gradients of 0 and of 1e-30 give finite parameters."""
    for size in (0.0, 1e-30):
        params = _params(np.float32)
        state, scratch = fresh_state(optimizer, "init", params), Scratch()
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
    check_groups,
    check_compiled,
    check_own_rate,
    check_state_has_a_say,
    check_no_gradient,
    check_precision,
    check_large_sizes,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

OptimizerSuite = make_suite("optimizer", CHECKS)
