"""A step alone becomes a cell; what cannot be followed says so."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import numpy.typing as npt
import pytest

import rnnx
from rnnx import autodiff
from rnnx.errors import PluginError
from rnnx.testing import CellSuite

np = autodiff.np


def with_step(step: Callable[..., Any], state: Callable[..., Any] | None = None) -> Any:
    """A cell of this step."""

    class Cell:
        hidden_size: int = 4

        def init(self, rng: numpy.random.Generator, n_x: int, dtype: npt.DTypeLike) -> rnnx.Params:
            n = self.hidden_size
            shapes = {"Wx": (n, n_x), "Wh": (n, n), "b": (n, 1)}
            return {k: rng.normal(scale=0.5, size=s).astype(dtype) for k, s in shapes.items()}

    Cell.__annotations__ = {"hidden_size": int}
    Cell.step = step
    if state is not None:
        Cell.initial_state = state
    return autodiff.unroll(dataclass(frozen=True)(Cell))()


def elman(self: Any, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> rnnx.State:
    return (np.tanh(params["Wx"] @ x + params["Wh"] @ state[0] + params["b"]),)


def two_parts(self: Any, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> rnnx.State:
    h, total = state
    new = np.tanh(params["Wx"] @ x + params["Wh"] @ h + params["b"] + 0.1 * total)
    return new, 0.9 * total + np.abs(new)


def two(self: Any, B: int, dtype: npt.DTypeLike) -> rnnx.State:
    return tuple(numpy.zeros((self.hidden_size, B), dtype) for _ in range(2))


class TestElman(CellSuite):
    component = with_step(elman)


class TestStateOfTwoParts(CellSuite):
    component = with_step(two_parts, two)


def in_place(self: Any, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> rnnx.State:
    z = params["Wx"] @ x + params["Wh"] @ state[0]
    z[0] = 0
    return (np.tanh(z + params["b"]),)


def through_a_float(self: Any, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> rnnx.State:
    z = params["Wx"] @ x + params["Wh"] @ state[0] + params["b"]
    return (np.tanh(z) * float(z[0, 0]),)


def no_tuple(self: Any, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> rnnx.Array:
    return elman(self, params, x, state)[0]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (in_place, "cannot be followed"),
        (through_a_float, "cannot be followed"),
        (no_tuple, "a tuple"),
    ],
)
def test_a_step_that_cannot_be_followed_says_so(step: Callable[..., Any], says: str) -> None:
    cell = with_step(step)
    params = cell.init(numpy.random.default_rng(0), 3, float)
    with pytest.raises(PluginError, match=says):
        h, _, cache = cell.forward(
            params, numpy.array([[1, 2]]), cell.initial_state(2, float), None, rnnx.Scratch()
        )
        cell.backward(params, cache, numpy.ones_like(h), None, rnnx.Scratch())


def test_a_class_without_step_is_refused() -> None:
    with pytest.raises(PluginError, match="needs a method step"):
        autodiff.unroll(type("Empty", (), {}))


def test_registering_does_not_load_autograd() -> None:
    code = (
        "import sys; from rnnx import autodiff; np = autodiff.np\n"
        "@autodiff.unroll\nclass A:\n    def init(self): ...\n    def step(self): ...\n"
        "assert not [m for m in sys.modules if m.startswith('autograd')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
