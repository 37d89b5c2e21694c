"""The checks of HeadSuite: what every head must do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Head
from rnnx.testing.compiled import Form, compiled_forms
from rnnx.testing.gradients import check_slopes, same
from rnnx.testing.suite import expect, make_suite

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


def _case(head: Head, dtype: Any = np.float64, seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    params = head.init(rng, N_A, N_Y, dtype)
    params = {k: (v + rng.normal(scale=0.3, size=v.shape)).astype(dtype) for k, v in params.items()}
    h = rng.normal(size=(T, N_A, B)).astype(dtype)
    return Case(params, h, rng.integers(0, N_Y, (T, B)))


def _run(
    head: Head | Form, case: Case, lengths: Array | None = None, scratch: Scratch | None = None
) -> Result:
    scratch = scratch or Scratch()
    loss, nats, cache = head.forward(case.params, case.h, case.y, lengths, scratch)
    nats = nats.copy()
    dparams, dh = head.backward(case.params, cache, scratch)
    return Result(loss, nats, {k: v.copy() for k, v in dparams.items()}, dh.copy())


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


def check_compiled(head: Head) -> None:
    """The compiled form, if there is one, gives NumPy's results, with one thread and with two."""
    one, two = compiled_forms(head)
    for dtype in (np.float64, np.float32):
        for lengths in (None, LENGTHS):
            case = _case(head, dtype, seed=7)
            found, expected = _run(one, case, lengths), _run(head, case, lengths)
            what = (
                f"compiled, {np.dtype(dtype)}, {'lengths' if lengths is not None else 'no lengths'}"
            )
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


CHECKS = (
    check_gradients,
    check_nats,
    check_padding,
    check_dtypes,
    check_large_logits,
    check_inputs_unchanged,
    check_scratch,
    check_compiled,
)

HeadSuite = make_suite("head", CHECKS)
