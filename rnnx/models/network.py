"""Cells in a stack, dropout between them, a head on top: a function of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.components import Cell, Head
from rnnx.contracts.parameters import Parameters
from rnnx.contracts.scratch import Scratch
from rnnx.models.dropout import kept
from rnnx.registry import checks
from rnnx.system.memory import refuse_more_than_free

States: TypeAlias = tuple[State, ...]
"""One state a layer."""


class LayerCache(NamedTuple):
    cell: Any  # the cell's own
    mask: Array | None  # (T, n_a, B): 0 where dropout struck, else 1 / (1 − dropout)


@dataclass(frozen=True)
class Network:
    """``layers`` cells and a head over ``n_symbols`` ids; parameters are passed in.

    Dropout falls on every layer's output, the last included, never along time (Zaremba 2014).
    """

    cell: Cell
    head: Head
    n_symbols: int
    layers: int = 1
    dropout: float = 0.0

    def init(self, rng: np.random.Generator, dtype: npt.DTypeLike) -> Parameters:
        """Fresh parameters: ``layer0`` … and ``head``, drawn in this order."""
        n_a, n_y = self.cell.hidden_size, self.n_symbols
        tree: dict[str, Params] = {}
        for k in range(self.layers):
            drawn = self.cell.init(rng, n_y if k == 0 else n_a, dtype)
            layer = checks.parameters("cell", self.cell, drawn, dtype)
            if k == 1:  # all that follow are as large: say now what would take minutes to find out
                each = sum(array.nbytes for array in layer.values())
                refuse_more_than_free(each * self.layers, f"{self.layers} layers")
            tree[f"layer{k}"] = layer
        drawn = self.head.init(rng, n_a, n_y, dtype)
        tree["head"] = checks.parameters("head", self.head, drawn, dtype)
        return Parameters(tree, dtype)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> States:
        """The zero state of every layer."""
        cell, n_a = self.cell, self.cell.hidden_size
        zeros = (cell.initial_state(B, dtype) for _ in range(self.layers))
        return tuple(checks.initial_state(cell, state, n_a, B, dtype) for state in zeros)

    def forward(
        self,
        params: Parameters,
        x: Array,
        states: States,
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, States, list[LayerCache]]:
        """(T, B) ids → the top layer's h (T, n_a, B), final states, caches.

        With ``rng`` dropout is drawn from it; without, nothing is dropped.
        """
        h, finals, caches = x, [], []
        for k, state in enumerate(states):
            own = scratch.child(f"layer{k}")
            answer = self.cell.forward(params[f"layer{k}"], h, state, lengths, own)
            h, final, cache = checks.forward(self.cell, answer, len(x), state, params.flat.dtype)
            mask = None
            if rng is not None and self.dropout > 0:
                mask = kept(self.dropout, h, rng, own)
                h = np.multiply(h, mask, out=own.like("dropped", h))
            finals.append(final)
            caches.append(LayerCache(cache, mask))
        return h, tuple(finals), caches

    def backward(
        self,
        params: Parameters,
        caches: list[LayerCache],
        dh: Array,
        scratch: Scratch,
    ) -> dict[str, Params]:
        """The gradients of every layer's parameters, the top layer first."""
        grads: dict[str, Params] = {}
        for k in reversed(range(self.layers)):
            own, cache = scratch.child(f"layer{k}"), caches[k]
            if cache.mask is not None:
                dh = np.multiply(dh, cache.mask, out=own.like("d_dropped", dh))
            part = params[f"layer{k}"]
            answer = self.cell.backward(part, cache.cell, dh, None, own)
            shape = dh.shape if k else None  # the lowest layer's input is ids
            grads[f"layer{k}"], dx = checks.backward(self.cell, answer, part, shape)
            if dx is not None:
                dh = dx
        return grads


def quiet() -> np.errstate:
    """What is not finite is refused in words, after the fact: NumPy need not warn as well."""
    return np.errstate(over="ignore", invalid="ignore")
