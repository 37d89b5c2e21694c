"""The stack RNN (Joulin and Mikolov 2015, arXiv:1503.01007): a cell that pushes and pops.

    r    = the top `reads` elements of every stack at t − 1
    h⟨t⟩ = controller([x⟨t⟩; r], its state at t − 1)      any cell, named by `controller`
    push, pop, keep = softmax(Wa·h⟨t⟩)                    of every stack, three that add up to 1
    v    = σ(Wd·h⟨t⟩)                                     the element that is pushed
    S⟨t⟩[0] = push·v      + pop·S⟨t−1⟩[1]   + keep·S⟨t−1⟩[0]      the top
    S⟨t⟩[i] = push·S⟨t−1⟩[i−1] + pop·S⟨t−1⟩[i+1] + keep·S⟨t−1⟩[i]  from 1 on; −1 below the bottom

    the controller's own, with stacks·reads inputs more · Wa (3·stacks, n_a) · Wd (stacks, n_a)
    state (the controller's, stack (stacks, depth, B))

The rows of Wa are the blocks push, pop, keep, a row a stack. An empty stack is all −1, as in the
authors' code, facebookarchive/Stack-RNN; the state holds S + 1, so that it begins as 0. Their
controller is a layer of σ, here it is any cell: `vanilla` is nearest, and `lstm` and `gru` are in
use. Wa and Wd begin as theirs, a sum of three U(−0.1, 0.1), the controller as it does alone.
push, pop and keep are numbers of a stack and not of a unit, so `probe=saturation`, which looks at
gates unit by unit, has |h| of this cell and none of them.

The controller goes one step at a time, since its input depends on the stack: a sequence costs
several times that of the controller alone. Ids become one-hot columns, so keep vocabularies small;
the controller's input weights have to be called Wx then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.components import component_from
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell, StreamingCell
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.errors import ConfigError, UnknownComponent
from rnnx.padding import clean, mask
from rnnx_builtin.numerics.whole_sequence import Dense, sum_products, zero_padding
from rnnx_zoo.sigmoid import sigmoid


class Kept(NamedTuple):
    """What a step keeps."""

    controller: Any  # the controller's cache
    stack: Array  # (stacks, depth, B): S + 1 of the step before
    actions: Array  # (3, stacks, B): push, pop, keep
    value: Array  # (stacks, B): v


class Cache(NamedTuple):
    x_is_ids: bool
    steps: list[Kept]
    h: Array  # (T, n_a, B)
    runs: Array | None  # (T, B): whether a column has not ended; None: all run to the end


@dataclass(frozen=True)
class StackRNN:
    """Counts and nests without bound: for brackets, copies backwards and aⁿbⁿ."""

    gate_words: ClassVar[dict[str, GateWords]] = {
        "push": GateWords("puts v on top of the stack", "puts nothing on it"),
        "pop": GateWords("takes the top off the stack", "takes nothing off"),
        "keep": GateWords("keeps the stack as it is", "leaves it to push and pop"),
    }

    golden: ClassVar[tuple[str, ...]] = ("golden/stack_rnn.json",)

    hidden_size: int = 64
    """n_a, the controller's units, at least 1."""
    controller: Any = field(default="vanilla", hash=False)
    """The cell inside: its name, or ``{name: gru, reset_after: false}``."""
    stacks: int = 1
    """How many stacks there are, at least 1."""
    depth: int = 40
    """How many elements a stack holds, at least 2; what is pushed beyond is lost."""
    reads: int = 2
    """How many elements from the top the controller sees, 1 … depth."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        require(self.stacks >= 1, "stacks", "at least 1", self.stacks)
        require(self.depth >= 2, "depth", "at least 2", self.depth)
        require(1 <= self.reads <= self.depth, "reads", f"1 to depth={self.depth}", self.reads)
        object.__setattr__(self, "_inner", self._make_controller())

    def _make_controller(self) -> Cell:
        spec: Any = self.controller
        given = dict(spec) if isinstance(spec, Mapping) else {"name": spec}
        if given.setdefault("hidden_size", self.hidden_size) != self.hidden_size:
            raise ConfigError("controller.hidden_size: is that of the cell; set cell.hidden_size")
        try:
            made: Cell = component_from("cell", given, "controller")
        except UnknownComponent as error:
            raise ConfigError(str(error)) from None
        return made

    @property
    def _cell(self) -> Cell:
        cell: Cell = self.__dict__["_inner"]
        return cell

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """The controller's."""
        names: tuple[str, ...] = self._cell.recurrent_weights  # type: ignore[attr-defined]
        return names

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        rows, n_a = {"Wa": 3 * self.stacks, "Wd": self.stacks}, self.hidden_size
        own = {
            name: rng.uniform(-0.1, 0.1, (3, count, n_a)).sum(axis=0).astype(dtype)
            for name, count in rows.items()
        }
        inner = self._cell.init(rng, n_x + self.stacks * self.reads, dtype)
        if shared := sorted(own.keys() & inner.keys()):
            raise ConfigError(f"controller: has a parameter {shared[0]}, as the stack has")
        return inner | own

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        empty = np.zeros((self.stacks, self.depth, B), dtype)
        return (*self._cell.initial_state(B, dtype), empty)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B, dtype, is_ids = len(x), x.shape[-1], params["Wa"].dtype, x.ndim == 2
        x, runs = self._columns(params, x, lengths), None if lengths is None else mask(lengths, T)
        *inner, stack = (array.astype(dtype) for array in state)
        controlled, steps = self._controllers(params), []
        hs = scratch.array("h", (T, self.hidden_size, B), dtype)
        for t in range(T):
            seen = np.concatenate([x[t], self._read(stack)])
            h, after, cache = self._cell.forward(
                controlled, seen[None], tuple(inner), None, scratch.child(f"step{t}")
            )
            hs[t] = h[0]
            kept, moved = self._move(params, hs[t], stack, cache)
            steps.append(kept)
            if runs is None:
                inner, stack = list(after), moved
            else:  # a column that has ended keeps its state
                inner = [np.where(runs[t], a, b) for a, b in zip(after, inner, strict=True)]
                stack = np.where(runs[t], moved, stack)
        h = zero_padding(hs, lengths, "h_valid", scratch)
        final = (*(array.copy() for array in inner), stack)
        return h, final, Cache(is_ids, steps, hs, runs)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, _, B = dh.shape
        dtype, controlled = cache.h.dtype, self._controllers(params)
        begin = dstate or self.initial_state(B, dtype)
        *inner, dstack = (array.astype(dtype) for array in begin)
        by_actions = scratch.array("by_actions", (T, 3 * self.stacks, B), dtype)
        by_value = scratch.array("by_value", (T, self.stacks, B), dtype)
        total: Params = {name: np.zeros_like(array) for name, array in controlled.items()}
        dx: list[Array] = []
        for t in reversed(range(T)):
            runs = True if cache.runs is None else cache.runs[t]
            given = [np.where(runs, array, 0) for array in inner]
            moved = np.where(runs, dstack, 0)
            before = self._move_back(cache.steps[t], moved, by_actions[t], by_value[t])
            dh_t = np.where(runs, dh[t], 0) + params["Wa"].T @ by_actions[t]
            dh_t += params["Wd"].T @ by_value[t]
            found, dseen, back = self._cell.backward(
                controlled,
                cache.steps[t].controller,
                dh_t[None],
                tuple(given),
                scratch.child(f"step{t}"),
            )
            assert dseen is not None  # its input is dense
            for name, array in found.items():
                total[name] += array
            by_x, by_reads = np.split(dseen[0], [-self.stacks * self.reads])
            dx.append(by_x.copy())
            before[:, : self.reads] += by_reads.reshape(self.stacks, self.reads, B)
            inner = [np.where(runs, a, b) for a, b in zip(back, inner, strict=True)]
            dstack = np.where(runs, before, dstack)
        rows = [Dense(cache.h)]
        total["Wa"] = sum_products(by_actions, rows, "dWa", scratch).copy()
        total["Wd"] = sum_products(by_value, rows, "dWd", scratch).copy()
        return total, None if cache.x_is_ids else np.stack(dx[::-1]), (*inner, dstack)

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        cell, controlled = self._cell, self._controllers(params)
        inner = cell.stream(controlled, scratch) if isinstance(cell, StreamingCell) else None

        def step(x: Array, state: State) -> State:
            *own, stack = state
            seen = np.concatenate([self._columns(params, x[None], None)[0], self._read(stack)])
            if inner is not None:
                after = inner(seen, tuple(own))
            else:
                _, after, _ = cell.forward(controlled, seen[None], tuple(own), None, Scratch())
            _, moved = self._move(params, after[0], stack, None)
            return (*after, moved)

        return step

    def _columns(self, params: Params, x: Array, lengths: Array | None) -> Array:
        """x dense (T, n_x, B), ids as one-hot columns, 0 beyond the lengths."""
        x = clean(x, lengths)
        if x.ndim == 3:
            return x
        if "Wx" not in params:
            raise ConfigError(f"controller={self.controller}: has no Wx, so it takes no symbols")
        n_x = params["Wx"].shape[1] - self.stacks * self.reads
        columns: Array = (np.arange(n_x)[:, None] == x[:, None]).astype(params["Wx"].dtype)
        return columns

    def _controllers(self, params: Params) -> Params:
        return {name: array for name, array in params.items() if name not in ("Wa", "Wd")}

    def _read(self, stack: Array) -> Array:
        """(stacks·reads, B), the tops."""
        top: Array = stack[:, : self.reads].reshape(-1, stack.shape[-1]) - 1
        return top

    def _move(self, params: Params, h: Array, stack: Array, cache: Any) -> tuple[Kept, Array]:
        """The stack after h's actions, and what the backward pass needs."""
        sums = (params["Wa"] @ h).reshape(3, self.stacks, -1)
        actions = np.exp(sums - sums.max(axis=0))
        actions /= actions.sum(axis=0)
        value = sigmoid(params["Wd"] @ h)
        push, pop, keep = actions[:, :, None]
        moved = keep * stack
        moved[:, 1:] += push * stack[:, :-1]
        moved[:, :-1] += pop * stack[:, 1:]
        moved[:, :1] += push * (value + 1)[:, None]
        return Kept(cache, stack, actions, value), moved

    def _move_back(self, kept: Kept, dmoved: Array, by_actions: Array, by_value: Array) -> Array:
        """The gradient by the stack before; fills those by Wa·h and Wd·h."""
        _, stack, actions, value = kept
        push, pop, keep = actions[:, :, None]
        by = np.empty_like(actions)
        by[0] = (dmoved[:, 1:] * stack[:, :-1]).sum(axis=1) + dmoved[:, 0] * (value + 1)
        by[1] = (dmoved[:, :-1] * stack[:, 1:]).sum(axis=1)
        by[2] = (dmoved * stack).sum(axis=1)
        by = actions * (by - (actions * by).sum(axis=0))
        by_actions[...] = by.reshape(by_actions.shape)
        np.multiply(actions[0] * dmoved[:, 0], value * (1 - value), out=by_value)
        before: Array = keep * dmoved
        before[:, :-1] += push * dmoved[:, 1:]
        before[:, 1:] += pop * dmoved[:, :-1]
        return before
