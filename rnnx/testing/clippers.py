"""The checks of ClipperSuite: what every clipper must do."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.updates import ParameterClipper, StatefulClipper
from rnnx.testing.compiled import compiled_check
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.states import fresh_state
from rnnx.testing.suite import NotApplicable, expect, make_suite


def _tree(flat: Array) -> dict[str, dict[str, Array]]:
    """The numbers as the gradients of a network of two layers."""
    a, b, c, d = np.array_split(flat, 4)
    return {"layer0": {"Wx": a, "b": b}, "layer1": {"Wh": c}, "head": {"Wy": d[:-1], "by": d[-1:]}}


def _params(size: int, dtype: Any, scale: float = 1.0) -> Parameters:
    """The parameters of which the gradients are, of about ``scale``."""
    return Parameters(_tree(np.random.default_rng(7).normal(size=size) * scale), dtype)


EARLIER = np.geomspace(0.01, 10, 12)  # scales of the gradients that a state has seen


def _state(clipper: Any, size: int, dtype: Any) -> Params:
    """The state after some steps with gradients from small to large; {} for a clipper without."""
    if not isinstance(clipper, StatefulClipper):
        return {}
    params, rng = _params(size, dtype), np.random.default_rng(5)
    state = fresh_state(clipper, "init_state", params)
    for scale in rng.permutation(EARLIER):
        _call(clipper, Parameters(_tree(rng.normal(size=size) * scale), dtype), params, state)
    return state


def _call(clipper: Any, grads: Parameters, params: Parameters, state: Params) -> Any:
    """Clip as training does, by whichever ability the clipper has."""
    norm = float(np.linalg.norm(grads.flat.astype(np.float64)))
    if isinstance(clipper, StatefulClipper):
        return clipper.clip_with_state(grads, norm, state, params)
    if isinstance(clipper, ParameterClipper):
        return clipper.clip_by_parameters(grads, norm, params)
    return clipper.clip(grads, norm)


def _clip(clipper: Any, flat: Array, state: Params | None = None) -> tuple[Array, bool]:
    """The gradient after clipping, and what the clipper returned; ``state`` is copied."""
    state = _state(clipper, flat.size, flat.dtype) if state is None else state
    grads = Parameters(_tree(flat), flat.dtype)
    copy = {name: array.copy() for name, array in state.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        changed = _call(clipper, grads, _params(flat.size, flat.dtype), copy)
    return grads.flat, changed


def exercise(clipper: Any, which: int) -> Results:
    """The clipped gradients of several sizes, and the answers."""
    results: dict[str, Any] = {}
    states = {size: _state(clipper, size, np.float64) for size in (20, 5000)}
    for k, flat in enumerate(_gradients()):
        found = _clip(clipper, np.roll(flat, which), states[flat.size])
        results[f"gradient {k}"], results[f"answer {k}"] = found
    return results


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)
check_compiled = compiled_check(exercise, ("clip", "clip_by_parameters", "clip_with_state"))


def _gradients(dtype: Any = np.float64) -> list[Array]:
    rng = np.random.default_rng(0)
    sizes = (1e-3, 0.1, 1.0, 10.0, 1e3)
    found = [(rng.normal(size=20) * size).astype(dtype) for size in sizes]
    return [*found, rng.normal(size=5000).astype(dtype), np.zeros(20, dtype)]


def check_bound(clipper: Any) -> None:
    """No entry grows in absolute value, for gradients of any size."""
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        grown = np.abs(found) > np.abs(flat)
        expect(not grown.any(), f"an entry grew from {flat[grown]} to {found[grown]}")


def check_limit(clipper: Any) -> None:
    """If the clipper has a field ``limit``, no entry is larger afterwards."""
    limit = getattr(clipper, "limit", None)
    if limit is None:
        raise NotApplicable("the clipper has no field limit")
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        largest = float(np.max(np.abs(found)))
        expect(
            largest <= limit * (1 + 1e-6),
            f"limit={limit}: an entry of {largest} remains",
        )


def check_direction(clipper: Any) -> None:
    """No entry changes its sign, and a gradient of 0 stays 0."""
    for flat in _gradients():
        flat[3] = 0
        found, _ = _clip(clipper, flat)
        expect(found[3] == 0, f"a gradient of 0 became {found[3]}")
        turned = np.sign(found) * np.sign(flat) < 0
        expect(
            not turned.any(), f"an entry changed its sign from {flat[turned]} to {found[turned]}"
        )


def check_answer(clipper: Any) -> None:
    """``clip`` returns True exactly if it changed an entry."""
    for flat in _gradients():
        found, changed = _clip(clipper, flat)
        differs = not np.array_equal(found, flat)
        what = "changed the gradient" if differs else "left the gradient unchanged"
        told = f"clip returned {changed!r:.60}"
        expect(isinstance(changed, bool | np.bool_), f"{told}, expected True or False")
        expect(changed == differs, f"{told}, but it {what}")


def check_again(clipper: Any) -> None:
    """Clipping twice gives what clipping once gives, to rounding; for a clipper without state."""
    if isinstance(clipper, StatefulClipper):
        raise NotApplicable("the clipper keeps state: a second clip is that of another step")
    for flat in _gradients():
        once, _ = _clip(clipper, flat)
        twice, _ = _clip(clipper, once.copy())
        expect(
            np.allclose(once, twice, rtol=1e-9, atol=0),
            "a second clip changes the clipped gradient",
        )


def check_not_a_number(clipper: Any) -> None:
    """A gradient with NaN or ±inf is not finite afterwards: clipping must not hide a diverged run.

    Training ends at such a gradient before it is clipped; whoever clips by himself relies on this.
    """
    for bad in (np.nan, np.inf, -np.inf):
        for flat in _gradients():
            flat[5] = bad
            found, _ = _clip(clipper, flat)
            expect(
                not np.isfinite(found).all(),
                f"the gradient had a {bad} before clipping and is all finite after it",
            )


def check_dtypes(clipper: Any) -> None:
    """Gradients are changed in place and keep their dtype."""
    for dtype in (np.float32, np.float64):
        for flat in _gradients(dtype):
            grads = Parameters({"a": {"W": flat}}, dtype)
            before, params = grads.flat, Parameters({"a": {"W": np.ones_like(flat)}}, dtype)
            has_state = isinstance(clipper, StatefulClipper)
            state = fresh_state(clipper, "init_state", params) if has_state else {}
            _call(clipper, grads, params, state)
            expect(grads.flat is before, "clip: replaced grads.flat; change it in place")
            expect(grads.flat.dtype == dtype, f"clip: {np.dtype(dtype)} became {grads.flat.dtype}")


def check_parameters(clipper: Any) -> None:
    """A clipper that sees the parameters changes none of them, and clips by them."""
    if not isinstance(clipper, ParameterClipper | StatefulClipper):
        raise NotApplicable("the clipper sees no parameters")
    differs = False
    for flat in _gradients():
        found = []
        for scale in (1e-3, 1e3):
            grads, params = (
                Parameters(_tree(flat), flat.dtype),
                _params(flat.size, flat.dtype, scale),
            )
            before, state = params.flat.copy(), _state(clipper, flat.size, flat.dtype)
            _call(clipper, grads, params, state)
            expect(np.array_equal(params.flat, before), "clipping changed the parameters")
            found.append(grads.flat)
        differs |= not np.array_equal(found[0], found[1])
    if isinstance(clipper, ParameterClipper):
        told = "parameters a million times as large change nothing: write clip alone"
        expect(differs, f"clip_by_parameters: {told}")


def check_state(clipper: Any) -> None:
    """State changes in place, is all that is kept between two steps, and is used.

    Continuing from copies gives the same, bit for bit, after another run has clipped in between.
    """
    if not isinstance(clipper, StatefulClipper):
        raise NotApplicable("the clipper has no state")
    rng, size = np.random.default_rng(6), 20
    params = _params(size, np.float64)
    fresh = fresh_state(clipper, "init_state", _params(size, np.float64))
    gradients = [rng.normal(size=size) * scale for scale in rng.permutation(np.tile(EARLIER, 10))]
    state = {name: array.copy() for name, array in fresh.items()}
    arrays = dict(state)

    def clipped(flat: Array, state: Params) -> Array:
        grads = Parameters(_tree(flat), np.float64)
        _call(clipper, grads, params, state)
        return grads.flat

    for k, flat in enumerate(gradients):
        copy = {name: array.copy() for name, array in state.items()}
        found = clipped(flat, state)
        if k % 20 == 0:
            _state(clipper, size, np.float64)
            again = clipped(flat, copy)
            told = f"clip {k + 1} from a copy of the state differs: something is kept elsewhere"
            alike = all(np.array_equal(copy[name], array) for name, array in state.items())
            expect(np.array_equal(found, again) and alike, told)
    for name, array in arrays.items():
        expect(state.get(name) is array, f"state {name} was replaced; change it in place")
        kept = array.dtype.kind in "fiu"
        expect(kept, f"state {name} is {array.dtype}, which a checkpoint cannot keep")
    expect(state.keys() == arrays.keys(), "clip_with_state: added or removed a part of the state")
    used = any(
        not np.array_equal(_clip(clipper, flat, state)[0], _clip(clipper, flat, fresh)[0])
        for flat in gradients
    )
    expect(used, f"state: after {len(gradients)} steps it has no effect on any gradient")


CHECKS = (
    check_bound,
    check_limit,
    check_direction,
    check_answer,
    check_again,
    check_not_a_number,
    check_dtypes,
    check_parameters,
    check_state,
    check_compiled,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

ClipperSuite = make_suite("clipper", CHECKS)
