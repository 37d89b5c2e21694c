"""The passes over a sequence that dense cells share: a cell writes its equations for one step.

    z      = Wx·x + b                       all steps before the loop, k·n_a rows in blocks
    state⟨t⟩ = forward_step(z⟨t⟩, state⟨t−1⟩)  in place, Wh meets the state in here
    dz⟨t⟩    = backward_step(dstate⟨t⟩)        the gradient by z⟨t⟩ plus what Wh adds to it
    dWx, dWh, db                            one product over all steps after the loop

Shapes: state (n_a, B) each, z and dz (k·n_a, B).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.padding import FinalGradient, is_padded, last_valid, mask
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    One,
    Steps,
    begin_states,
    input_gradient,
    input_rows,
    input_weights,
    project,
    sum_products,
    weight_gradients,
    zero_padding,
)


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    states: tuple[Array, ...]  # (T + 1, n_a, B) each, the initial state first
    kept: tuple[Array, ...]  # (T, ·, B) each, what forward_step kept
    lengths: Array | None  # (B,)
    projected: Any  # what ``project`` kept

    def at(self, t: int) -> Step:
        """Views of step t."""
        before = tuple(steps[t] for steps in self.states)
        after = tuple(steps[t + 1] for steps in self.states)
        return Step(before, after, tuple(steps[t] for steps in self.kept))


class Step(NamedTuple):
    """One step's arrays, (·, B) each."""

    before: State  # the state at t − 1
    after: State  # the state at t
    kept: tuple[Array, ...]  # what the backward step needs


class Recurrence(ABC):
    """Everything of a cell but its equations and its initialisation."""

    blocks: ClassVar[int]
    """k: the rows of Wx, b and z, in n_a."""
    recurrent_blocks: ClassVar[int]
    """The rows of Wh, in n_a; they are the first of z."""
    more_sums: ClassVar[int] = 0
    """The rows of dz below those of z, in n_a, for sums that only ``gradients`` knows of."""
    state_arrays: ClassVar[int] = 1
    """How many arrays (n_a, B) the state has, h first."""
    kept: ClassVar[tuple[int, ...]]
    """The rows, in n_a, of each array that a step keeps."""
    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh",)

    hidden_size: int
    weights: Any

    def __init_subclass__(cls) -> None:
        if "recurrent_blocks" not in vars(cls) and "blocks" in vars(cls):
            cls.recurrent_blocks = cls.blocks

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    @abstractmethod
    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        """Fill ``step.after`` and ``step.kept`` from z (k·n_a, B) and ``step.before``.

        ``z`` and ``step.before`` are not changed.
        """

    @abstractmethod
    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        """Fill ``dz`` and return the gradient by ``step.before`` from that by ``step.after``."""

    def project(
        self, params: Params, x: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[Steps, Any]:
        """z of every step, (k·n_a, B) each, and what the cache is to keep of it."""
        return project(params["Wx"], params["b"], x, lengths, scratch), None

    def project_one(self, params: Params) -> Callable[[Array], Array]:
        """A function of one step's ids (B,) or dense x (n_x, B): its z."""
        return step_projection(params["Wx"], params["b"])

    def recurrent_inputs(self, cache: Cache) -> list[tuple[int, Array]]:
        """What Wh is multiplied with: how many of its blocks, and by which (T, n_a, B)."""
        return [(self.recurrent_blocks, cache.states[0][:-1])]

    def gradients(
        self, params: Params, cache: Cache, dz: Array, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        """``dparams, dx`` from dz (T, k·n_a, B), which is 0 beyond the lengths."""
        n_x = params["Wx"].shape[1]
        dx = input_gradient(params["Wx"], dz, cache.x, scratch)
        met = self.recurrent_inputs(cache)
        if [blocks for blocks, _ in met] == [self.blocks]:
            dWx, dWh, db = weight_gradients(dz, met[0][1], cache.x, n_x, cache.lengths, scratch)
            return {"Wx": dWx, "Wh": dWh, "b": db}, dx
        inputs = input_rows(cache.x, n_x, cache.lengths)
        by_x = sum_products(dz, [inputs, One()], "dWx", scratch)
        db = scratch.array("db", (len(by_x), 1), dz.dtype)
        np.copyto(db, by_x[:, -1:])
        dparams = {"Wx": input_weights(by_x[:, :-1], inputs, n_x, scratch), "b": db}
        if met:
            dparams["Wh"] = self._by_blocks(dz, met, scratch)
        return dparams, dx

    def _by_blocks(self, dz: Array, met: list[tuple[int, Array]], scratch: Scratch) -> Array:
        """dWh, whose blocks are multiplied with different steps."""
        n_a, stop = self.hidden_size, 0
        dWh = scratch.array("dWh", (self.recurrent_blocks * n_a, n_a), dz.dtype)
        for blocks, steps in met:
            start, stop = stop, stop + blocks * n_a
            dWh[start:stop] = sum_products(dz[:, start:stop], [Dense(steps)], "dWh", scratch)
        return dWh

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, k, weights = self.hidden_size, self.blocks, self.weights
        params = {"Wx": fill(weights.input, rng, (n_a, n_x), dtype, blocks=k)}
        if self.recurrent_blocks:
            blocks = self.recurrent_blocks
            params["Wh"] = fill(weights.recurrent, rng, (n_a, n_a), dtype, blocks=blocks)
        return params | {"b": fill(weights.bias, rng, (n_a, 1), dtype, blocks=k)}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return tuple(np.zeros((self.hidden_size, B), dtype) for _ in range(self.state_arrays))

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B = len(x), x.shape[-1]
        z, projected = self.project(params, x, lengths, scratch)
        states = tuple(
            begin_states(array, f"state{k}", T, scratch, params) for k, array in enumerate(state)
        )
        kept = self._keep(T, B, states[0].dtype, scratch)
        cache = Cache(x, states, kept, lengths, projected)
        # What lies beyond a column's end may grow without bound: stop it there.
        ended = ~mask(lengths, T) if lengths is not None and is_padded(lengths, T) else None
        for t in range(T):
            step = cache.at(t)
            self.forward_step(params, z[t], step)
            if ended is not None:
                for array in step.after:
                    np.copyto(array, 0, where=ended[t])
        final = tuple(last_valid(steps[1:], steps[0], lengths) for steps in states)
        return states[0][1:], final, cache

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        dtype = cache.states[0].dtype
        dh = zero_padding(dh, cache.lengths, "dh", scratch)
        ends = FinalGradient(dstate, cache.lengths, T)
        dz = scratch.array("dz", (T, (self.blocks + self.more_sums) * n_a, B), dtype)
        back: State = tuple(np.zeros(steps[0].shape, dtype) for steps in cache.states)
        for t in reversed(range(T)):
            back = _plus(back, ends.at(t))
            back = self.backward_step(params, cache.at(t), (back[0] + dh[t], *back[1:]), dz[t])
        back = _plus(back, ends.at(-1))
        dparams, dx = self.gradients(params, cache, dz, scratch)
        return dparams, dx, back

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        project_one = self.project_one(params)

        def step(x: Array, state: State) -> State:
            after = tuple(np.empty(array.shape, array.dtype) for array in state)
            kept = self._keep(1, x.shape[-1], after[0].dtype, scratch)
            one = Step(state, after, tuple(steps[0] for steps in kept))
            self.forward_step(params, project_one(x), one)
            return after

        return step

    def _keep(self, T: int, B: int, dtype: Any, scratch: Scratch) -> tuple[Array, ...]:
        shapes = ((T, rows * self.hidden_size, B) for rows in self.kept)
        return tuple(scratch.array(f"kept{k}", shape, dtype) for k, shape in enumerate(shapes))


def _plus(back: State, more: State | None) -> State:
    return back if more is None else tuple(a + b for a, b in zip(back, more, strict=True))
