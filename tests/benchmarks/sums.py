"""Long sums in float32 beside the same in float64: python tests/benchmarks/sums.py

An error is the largest difference over the largest number of the float64 result. Both start from
the same float32 numbers, so what is compared is the arithmetic alone.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.heads.softmax import Softmax
from rnnx_builtin.optimizers.adam import Adam

T, B, N_A, N_Y, STEPS = 1000, 100, 16, 65, 100_000  # T·B = 10⁵ tokens
DTYPES = np.float32, np.float64


def error(found: Any, exact: Any) -> float:
    return float(np.max(np.abs(found - np.asarray(exact))) / np.max(np.abs(exact)))


def both(compute: Callable[[Any], dict[str, Any]]) -> dict[str, float]:
    """The errors of what ``compute`` gives for a dtype, by name."""
    found, exact = map(compute, DTYPES)
    return {name: error(found[name], exact[name]) for name in found}


def of_head(fast: bool) -> dict[str, float]:
    """The loss, and the sums of its gradients over all tokens."""
    head, rng = Softmax(), np.random.default_rng(0)
    params = head.init(rng, N_A, N_Y, np.float32)
    h = rng.normal(size=(N_A, T, B)).astype(np.float32).transpose(1, 0, 2)
    y = rng.integers(0, N_Y, (T, B))

    def compute(dtype: Any) -> dict[str, Any]:
        own, scratch = {k: v.astype(dtype) for k, v in params.items()}, Scratch()
        form: Any = head.compiled(1) if fast else head
        loss, _, cache = form.forward(own, h.astype(dtype), y, None, scratch)
        grads, _ = form.backward(own, cache, scratch)
        return {"the loss": np.array(loss), **{f"d{k}": v for k, v in grads.items()}}

    return both(compute)


def of_cell(cell: Any, fast: bool) -> dict[str, float]:
    """The gradients of a cell's weights over all tokens, given that by its states."""
    rng = np.random.default_rng(0)
    params = cell.init(rng, N_Y, np.float32)
    x, dh = rng.integers(0, N_Y, (T, B)), rng.normal(size=(N_A, T, B)).astype(np.float32)

    def compute(dtype: Any) -> dict[str, Any]:
        own, scratch = {k: v.astype(dtype) for k, v in params.items()}, Scratch()
        form: Any = cell.compiled(1) if fast else cell
        _, _, cache = form.forward(own, x, cell.initial_state(B, dtype), None, scratch)
        by_h = dh.astype(dtype).transpose(1, 0, 2)
        return {f"d{k}": v for k, v in form.backward(own, cache, by_h, None, scratch)[0].items()}

    return both(compute)


def gradients() -> Iterator[Array]:
    """STEPS gradients of 100 numbers around a small mean."""
    rng = np.random.default_rng(0)
    return (rng.normal(1e-3, 1e-2, 100).astype(np.float32) for _ in range(STEPS))


def of_adam() -> dict[str, float]:
    """The moments after STEPS updates."""

    def compute(dtype: Any) -> dict[str, Any]:
        rule, scratch = Adam(), Scratch()
        params = Parameters({"": {"W": np.zeros(100, dtype)}}, dtype)
        grads = params.copy()
        state = rule.init(params)
        for step, gradient in enumerate(gradients(), 1):
            grads.flat[...] = gradient
            rule.update(params, grads, state, 1e-3, step, scratch)
        return {"m": state["m"], "v": state["v"], "the parameters": params.flat}

    return both(compute)


def of_averages() -> dict[str, float]:
    """Both means of parameters over STEPS updates."""

    def compute(dtype: Any) -> dict[str, Any]:
        params = Parameters({"": {"W": np.ones(100, dtype)}}, dtype)
        moving, mean = params.copy(), params.copy()
        for step, gradient in enumerate(gradients(), 1):
            params.flat[...] = 1 + gradient.astype(dtype)
            moving.follow(params, 0.999, step)
            mean.include(params, step)
        return {"average=ema": moving.flat, "average=swa": mean.flat}

    return both(compute)


def of_norm() -> dict[str, float]:
    """The norm of a gradient of 10⁷ numbers."""
    numbers = np.random.default_rng(0).normal(size=10**7).astype(np.float32)
    sides = (Parameters({"": {"W": numbers.astype(d)}}, d).norm() for d in DTYPES)
    return {"10⁷ numbers": error(*sides)}


def rows() -> Iterator[tuple[str, dict[str, float]]]:
    for fast in (False, True):
        how = "compiled" if fast else "NumPy"
        yield f"softmax head, {how}", of_head(fast)
        yield f"LSTM, {how}", of_cell(LSTM(N_A), fast)
        yield f"GRU, {how}", of_cell(GRU(N_A), fast)
    yield f"Adam after {STEPS:,} updates", of_adam()
    yield f"averages of {STEPS:,} updates", of_averages()
    yield "norm of the gradient", of_norm()


if __name__ == "__main__":
    for what, errors in rows():
        told = ", ".join(f"{name} {size:.0e}" for name, size in errors.items())
        print(f"| {what} | {told} |", flush=True)
