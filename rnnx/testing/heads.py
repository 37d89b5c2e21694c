"""The checks of HeadSuite: what every head must do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Head
from rnnx.contracts.target_heads import TargetHead
from rnnx.data.targets import NEXT_SYMBOL
from rnnx.testing.compiled import Form, compiled_forms
from rnnx.testing.gradients import check_slopes, same
from rnnx.testing.initialization import check_init_of
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.parameters import parameter_checks
from rnnx.testing.suite import expect, make_suite
from rnnx.testing.target_heads import CHECKS as TARGET_CHECKS
from rnnx.testing.target_heads import exercise_targets, of_symbols
from rnnx.testing.unions import check_batches

T, B, N_A, N_Y = 4, 3, 5, 6
LENGTHS = np.array([T, 2, 1])


class Case(NamedTuple):
    params: Params
    h: Array  # (T, n_a, B)
    y: Array  # (T, B)


class Result(NamedTuple):
    loss: float
    nats: Array
    dparams: Params
    dh: Array


def _case(
    head: Head,
    dtype: Any = np.float64,
    seed: int = 0,
    sizes: tuple[int, int, int, int] = (T, B, N_A, N_Y),
) -> Case:
    rng, (steps, columns, n_a, n_y) = np.random.default_rng(seed), sizes
    params = head.init(rng, n_a, n_y, dtype)
    params = {k: (v + rng.normal(scale=0.3, size=v.shape)).astype(dtype) for k, v in params.items()}
    h = rng.normal(size=(steps, n_a, columns)).astype(dtype)
    return Case(params, h, rng.integers(0, n_y, (steps, columns)))


def _run(
    head: Head | Form, case: Case, lengths: Array | None = None, scratch: Scratch | None = None
) -> Result:
    scratch = scratch or Scratch()
    loss, nats, cache = head.forward(case.params, case.h, case.y, lengths, scratch)
    nats = nats.copy()
    dparams, dh = head.backward(case.params, cache, scratch)
    return Result(loss, nats, {k: v.copy() for k, v in dparams.items()}, dh.copy())


def exercise(head: Head, which: int) -> Results:
    """Parameters, logits, losses and gradients, with and without lengths; of all its targets."""
    if isinstance(head, TargetHead) and not head.takes(NEXT_SYMBOL):
        return exercise_targets(head, which)
    case = _case(head, seed=20 + which)
    results: dict[str, Any] = {f"parameter {k}": v for k, v in case.params.items()}
    results["logits"] = head.logits(case.params, case.h, Scratch()).copy()
    for what, lengths in (("", None), (" with lengths", LENGTHS)):
        found = _run(head, case, lengths)
        results |= {f"{k}{what}": v for k, v in _named(found).items()}
        results[f"loss{what}"] = float(found.loss)
    return results | exercise_targets(head, which)


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)
check_groups, check_projection = parameter_checks(lambda head: _case(head).params)


def check_gradients(head: Head) -> None:
    """The gradients of every parameter and of h equal central differences of the loss."""
    for lengths in (None, LENGTHS):
        case = _case(head)
        expect(bool(case.params), "init: returned no parameters")
        found = _run(head, case, lengths)

        def loss(case: Case = case, lengths: Array | None = lengths) -> float:
            return head.forward(case.params, case.h, case.y, lengths, Scratch())[0]

        check_slopes(loss, {**case.params, "h": case.h}, {**found.dparams, "h": found.dh})


def check_nats(head: Head) -> None:
    """nats is −ln softmax(logits) at the target, and 0 beyond the lengths."""
    case = _case(head, seed=1)
    logits = head.logits(case.params, case.h, Scratch()).astype(np.float64)
    expect(logits.shape == (T, N_Y, B), f"logits: shape {logits.shape}, expected {(T, N_Y, B)}")
    log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    expected = -np.take_along_axis(log_p, case.y[:, None], axis=1)[:, 0]
    same(_run(head, case).nats, expected, "nats against −log softmax(logits)")
    expected = np.where(np.arange(T)[:, None] < LENGTHS, expected, 0)
    same(_run(head, case, LENGTHS).nats, expected, "nats with lengths")


def check_padding(head: Head) -> None:
    """The values beyond a column's length, NaN among them, change no result."""
    case = _case(head, seed=2)
    clean = _run(head, case, LENGTHS)
    h, y = case.h.copy(), case.y.copy()
    for b, length in enumerate(LENGTHS):
        h[length:, :, b], y[length:, b] = np.nan, 0
        expect(not clean.dh[length:, :, b].any(), f"dh of column {b} is not 0 beyond {length}")
    dirty = _run(head, case._replace(h=h, y=y), LENGTHS)
    expect(
        dirty.loss == clean.loss,
        f"loss: {dirty.loss} with NaN in the padding, {clean.loss} without",
    )
    same(dirty.dh, clean.dh, "with other padding: dh")
    for name, array in clean.dparams.items():
        same(dirty.dparams[name], array, f"with other padding: d{name}")


def check_dtypes(head: Head) -> None:
    """float32 parameters give float32 results, float64 ones float64."""
    for dtype in (np.float32, np.float64):
        case = _case(head, dtype, seed=3)
        found = _run(head, case)
        arrays = {"dh": found.dh, **{f"d{k}": v for k, v in found.dparams.items()}}
        arrays["logits"] = head.logits(case.params, case.h, Scratch())
        for name, array in arrays.items():
            expect(
                array.dtype == dtype,
                f"{name}: is {array.dtype} where the parameters are {np.dtype(dtype)}",
            )
        expect(isinstance(found.loss, float), f"loss: is {type(found.loss).__name__}, not float")


def check_large_logits(head: Head) -> None:
    """Logits of ±10,000 give a finite loss and finite gradients."""
    case = _case(head, np.float32, seed=4)
    found = _run(head, case._replace(h=case.h * np.float32(1e4)))
    expect(bool(np.isfinite(found.loss)), f"loss: {found.loss} for large logits")
    expect(bool(np.isfinite(found.dh).all()), "dh: is not finite for large logits")


def check_inputs_unchanged(head: Head) -> None:
    """No array that is passed in is changed."""
    case = _case(head, seed=5)
    arrays = {**case.params, "h": case.h, "y": case.y}
    before = {name: array.copy() for name, array in arrays.items()}
    _run(head, case, LENGTHS)
    head.logits(case.params, case.h, Scratch())
    for name, array in arrays.items():
        expect(np.array_equal(array, before[name]), f"{name}: was changed in place")
        array.flags.writeable = False  # also what is changed and put back
    try:
        _run(head, case, LENGTHS)
    except ValueError as error:
        expect("read-only" not in str(error), f"an input was changed in place: {error}")
        raise


def check_scratch(head: Head) -> None:
    """A used scratch gives the results of a fresh one, bit for bit."""
    case, scratch = _case(head, seed=6), Scratch()
    fresh = _run(head, case)
    _run(head, case, LENGTHS, scratch)
    wide = Case(case.params, *(np.concatenate([a, a], axis=-1) for a in (case.h, case.y)))
    _run(head, wide, None, scratch)
    used = _run(head, case, None, scratch)
    expect(used.loss == fresh.loss, "loss: depends on what the scratch held before")
    expect(np.array_equal(used.dh, fresh.dh), "dh: depends on what the scratch held before")
    for name, array in fresh.dparams.items():
        expect(
            np.array_equal(used.dparams[name], array),
            f"d{name}: depends on what the scratch held before",
        )


def check_init(head: Head) -> None:
    """``init`` draws from its generator alone, and gives the dtype that it is asked for."""
    check_init_of(lambda rng, dtype: head.init(rng, 20, 24, dtype))


def check_loss_follows_nats(head: Head) -> None:
    """Descending along the gradients of the loss lowers the mean of −ln p."""
    case = _case(head, seed=8)
    before = float(np.mean(_run(head, case).nats))
    for _ in range(50):
        found = _run(head, case)
        size = np.sqrt(sum(float(np.sum(d * d)) for d in found.dparams.values()))
        expect(size > 0, "the gradients of the loss are 0 for random parameters")
        for name, array in case.params.items():
            array[...] = array - 0.02 / size * found.dparams[name]
    after = float(np.mean(_run(head, case).nats))
    expect(
        after < before - 1e-3,
        f"50 small steps against the gradient change the mean of −ln p from {before:.6g} to "
        f"{after:.6g}: it must fall",
    )


def check_everything_has_a_say(head: Head) -> None:
    """h and each parameter affect the logits, step by step and column by column."""
    case = _case(head, seed=9)
    logits = head.logits(case.params, case.h, Scratch()).copy()
    for name, array in case.params.items():
        # Not the same shift of all logits, which changes no probability.
        rng = np.random.default_rng(0)
        moved = {**case.params, name: array + rng.normal(size=array.shape)}
        differs = not np.array_equal(head.logits(moved, case.h, Scratch()), logits)
        expect(differs, f"{name}: has no effect on the logits")
    differs = not np.array_equal(head.logits(case.params, case.h + 0.5, Scratch()), logits)
    expect(differs, "h: has no effect on the logits")
    for t in range(T):
        alone = head.logits(case.params, case.h[t : t + 1, :, 1:2], Scratch())
        same(alone[0, :, 0], logits[t, :, 1], f"logits of step {t} of column 1 alone")


def check_parameters_change(head: Head) -> None:
    """Parameters and h that change in place, as in training, are read anew in each call."""
    cases = [_case(head, seed=30 + k) for k in range(3)]
    expected = [_run(head, case) for case in cases]
    expected_logits = [head.logits(case.params, case.h, Scratch()).copy() for case in cases]
    used, scratch, other = _case(head, seed=30), Scratch(), Scratch()
    for update in range(30):
        which = update % 3
        for name, array in used.params.items():
            array[...] = cases[which].params[name]
        used.h[...], used.y[...] = cases[which].h, cases[which].y
        found, what = _run(head, used, None, scratch), f"after change {update} in place"
        for name, array in _named(expected[which]).items():
            same(_named(found)[name], array, f"{what}: {name}")
        same(np.array(found.loss), np.array(expected[which].loss), f"{what}: loss")
        same(head.logits(used.params, used.h, other), expected_logits[which], f"{what}: logits")


def check_two_at_once(head: Head) -> None:
    """Two batches with a scratch each do not disturb each other; backward may get another one."""
    cases = [_case(head, seed=33 + k) for k in range(2)]
    expected = [_run(head, case) for case in cases]
    begun = [head.forward(c.params, c.h, c.y, None, Scratch())[2] for c in cases]
    for k, (case, cache) in enumerate(zip(cases, begun, strict=True)):
        dparams, dh = head.backward(case.params, cache, Scratch())
        same(dh, expected[k].dh, f"batch {k + 1} of two: dh")
        for name, array in expected[k].dparams.items():
            same(dparams[name], array, f"batch {k + 1} of two: d{name}")


def check_large_sizes(head: Head) -> None:
    """40 steps, 67 columns, 65 units and 70 symbols: −ln p and gradients are those of pieces."""
    sizes = 40, 67, 65, 70
    case, lengths = _case(head, seed=10, sizes=sizes), np.full(67, 40)
    lengths[3:60:7] = 0
    for given in (None, lengths):
        found = _run(head, case, given)
        total = given.sum() if given is not None else found.nats.size
        expect(float(found.loss) >= 0 and total > 0, f"loss: {found.loss}")
        logits = head.logits(case.params, case.h, Scratch()).astype(np.float64)
        top = logits.max(axis=1, keepdims=True)
        log_p = logits - top - np.log(np.sum(np.exp(logits - top), axis=1, keepdims=True))
        nats = -np.take_along_axis(log_p, case.y[:, None], axis=1)[:, 0]
        if given is not None:
            nats = np.where(np.arange(40)[:, None] < given, nats, 0)
            expect(not found.dh[:, :, given == 0].any(), "dh of a column of length 0 is not 0")
        same(found.nats, nats, "nats against −log softmax(logits)")
        pieces = [_logits_of(head, case, slice(k, k + 13)) for k in range(0, 67, 13)]
        same(np.concatenate(pieces, axis=-1), logits, "logits of 13 columns against 67")
        _check_direction(head, case, found, given)


def _logits_of(head: Head, case: Case, columns: slice) -> Array:
    found: Array = head.logits(case.params, case.h[..., columns], Scratch()).copy()
    return found


def _check_direction(head: Head, case: Case, found: Result, lengths: Array | None) -> None:
    """The slope of the loss along one random direction of each array is that of the gradients."""
    rng, step = np.random.default_rng(1), 1e-6
    given = {**found.dparams, "h": found.dh}
    for name, point in {**case.params, "h": case.h}.items():
        direction, before = rng.normal(size=point.shape), point.copy()
        losses = []
        for sign in (1, -1):
            point[...] = before + sign * step * direction
            losses.append(head.forward(case.params, case.h, case.y, lengths, Scratch())[0])
        point[...] = before
        slope, numeric = float(np.sum(given[name] * direction)), (losses[0] - losses[1]) / 2 / step
        expect(
            abs(slope - numeric) <= 1e-5 * max(abs(slope), abs(found.loss), 1.0),
            f"{name}: along a random direction the gradient says {slope:.9g}, central differences "
            f"say {numeric:.9g}, with 65 units and 70 symbols",
        )


def check_compiled(head: Head) -> None:
    """The compiled form, if there is one, gives NumPy's results, with one thread and with two."""
    one, two = compiled_forms(head)
    for dtype in (np.float64, np.float32):
        for lengths in (None, LENGTHS):
            case = _case(head, dtype, seed=7)
            found, expected = _run(one, case, lengths), _run(head, case, lengths)
            given = "no lengths" if lengths is None else "lengths"
            what = f"compiled, {np.dtype(dtype)}, {given}"
            same(np.array(found.loss), np.array(expected.loss), f"{what}: loss", dtype)
            other = _named(_run(two, case, lengths))
            for name, array in _named(found).items():
                same(array, _named(expected)[name], f"{what}: {name}", dtype)
                equal = np.array_equal(other[name], array)
                expect(equal, f"{what}: {name} differs with two threads; it must not, by a bit")


def _named(result: Result) -> Params:
    return {"nats": result.nats, "dh": result.dh} | {
        f"d{name}": array for name, array in result.dparams.items()
    }


OF_SYMBOLS = (
    check_gradients,
    check_nats,
    check_padding,
    check_dtypes,
    check_large_logits,
    check_inputs_unchanged,
    check_scratch,
    check_compiled,
    check_loss_follows_nats,
    check_everything_has_a_say,
    check_parameters_change,
    check_two_at_once,
    check_large_sizes,
    check_batches,
)
CHECKS = (
    *map(of_symbols, OF_SYMBOLS),
    *TARGET_CHECKS,
    check_init,
    check_groups,
    check_projection,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

HeadSuite = make_suite("head", CHECKS)
