"""The easiest road to a cell: write one step in NumPy, its backward is derived.

    from rnnx import autodiff

    np = autodiff.np

    @autodiff.unroll
    @dataclass(frozen=True)
    class Elman:
        hidden_size: int = 32

        def init(self, rng, n_x, dtype): ...          # → params by name, the input weights Wx
        def step(self, params, x, state):             # → the new state, a tuple
            return (np.tanh(params["Wx"] @ x + params["Wh"] @ state[0] + params["b"]),)

``np`` is NumPy as HIPS autograd follows it (the extra ``autodiff``), loaded at its first use. A
step makes new arrays: what is written in place cannot be followed. autograd's price is some 20 µs
an operation, and each step is computed once more in the backward pass; a ``step_back`` of your own
(``rnnx.unroll``) saves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rnnx.arrays import Array, Params, State
from rnnx.errors import PluginError
from rnnx.unrolling import unroll as unroll_step

_C = TypeVar("_C")


class _NumPy:
    """NumPy as autograd follows it; a plugin that only registers does not load it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by tools that look at a module's names
            raise AttributeError(name)
        try:
            import autograd.numpy
        except ImportError as error:
            raise PluginError(
                "autodiff needs autograd, which is not installed: pip install autograd"
            ) from error
        value = getattr(autograd.numpy, name)
        setattr(self, name, value)
        return value


np: Any = _NumPy()
"""NumPy, for a step whose backward is derived."""


def unroll(cls: type[_C]) -> type[_C]:
    """Give a dataclass with ``init`` and ``step`` the Cell contract, its backward derived.

    ``step(params, x, state)`` returns the new state alone: a tuple of h (n_a, B) and, where there
    is more, arrays of any shape (…, B).
    """
    step = getattr(cls, "step", None)
    if not callable(step):
        raise PluginError(f"{cls.__name__}: autodiff.unroll needs a method step; write it")
    cls.step = _remembering(step)  # type: ignore[attr-defined]
    cls.step_back = _derived(step)  # type: ignore[attr-defined]
    return unroll_step(cls)


def _remembering(step: Callable[..., Any]) -> Callable[..., tuple[State, tuple[Array, State]]]:
    def remembering(
        self: Any, params: Params, x: Array, state: State
    ) -> tuple[State, tuple[Array, State]]:
        return _tuple(self, step(self, params, x, state)), (x, state)

    return remembering


def _derived(step: Callable[..., Any]) -> Callable[..., tuple[Params, Array, State]]:
    def step_back(
        self: Any, params: Params, cache: tuple[Array, State], dstate: State
    ) -> tuple[Params, Array, State]:
        names, (x, before) = list(params), cache
        n = len(names)

        def new_state(*inputs: Any) -> State:
            given = dict(zip(names, inputs[:n], strict=True))
            return _tuple(self, step(self, given, inputs[n], inputs[n + 1 :]))

        try:
            found = _gradients(new_state, (*params.values(), x, *before), dstate)
        except TypeError as error:
            if "ArrayBox" not in str(error):
                raise
            raise PluginError(
                f"{type(self).__name__}.step: cannot be followed ({error}); compute with "
                "autodiff.np alone, and make new arrays instead of writing into old ones"
            ) from error
        return dict(zip(names, found[:n], strict=True)), found[n], found[n + 1 :]

    return step_back


def _gradients(function: Callable[..., State], inputs: Sequence[Array], outer: State) -> State:
    """The gradient of Σ ⟨outputs, outer⟩ by every input."""
    import autograd.builtins
    from autograd.core import make_vjp

    def of_one(all_inputs: Any) -> Any:
        outputs = function(*(all_inputs[k] for k in range(len(inputs))))
        return autograd.builtins.tuple(outputs)

    way_back, _ = make_vjp(of_one, tuple(inputs))
    found: State = way_back(outer)
    return found


def _tuple(cell: Any, state: Any) -> State:
    if not isinstance(state, tuple):
        raise PluginError(
            f"{type(cell).__name__}.step: returned {type(state).__name__}, expected the new state, "
            "a tuple of arrays: write return (h,)"
        )
    return state
