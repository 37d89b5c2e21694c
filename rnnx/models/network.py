"""Cells in a stack, dropout between them, a head on top: a function of its parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Cell, Head
from rnnx.contracts.execution import NUMPY, Execution
from rnnx.contracts.target_heads import TargetHead
from rnnx.data.metrics import Metrics, NoMetrics, Prediction, metrics_for
from rnnx.data.targets import NEXT_SYMBOL, Targets
from rnnx.registry.checks import CheckedCell
from rnnx.registry.head_checks import CheckedHead

States: TypeAlias = tuple[State, ...]
"""One state a layer."""

BITS = (1, 8, 16)
"""Random bits for each mask value: as few as express ``dropout`` exactly, else 16 (to 2⁻¹⁶)."""


class LayerCache(NamedTuple):
    cell: Any  # the cell's own
    mask: Array | None  # (T, n_a, B): 0 where a unit is dropped, else 1 / (1 − dropout)


@dataclass(frozen=True)
class Network:
    """``layers`` cells over ``n_symbols`` ids and ``n_features`` floats, and a head for
    ``targets``; parameters are passed in.

    Dropout acts on every layer's output, the last included, never along time (Zaremba 2014).
    Input dropout hides whole symbols: the network then has to predict from fewer of them.
    ``execution`` decides whether components compute by their compiled forms.
    """

    cell: Cell
    head: Head
    n_symbols: int
    layers: int = 1
    dropout: float = 0.0
    execution: Execution = NUMPY
    input_dropout: float = 0.0
    n_features: int = 0
    targets: Targets = NEXT_SYMBOL

    @property
    def n_y(self) -> int:
        """The number of the head's outputs: symbols, classes, values or bits."""
        return self.targets.size or self.n_symbols

    @property
    def metrics(self) -> Metrics:
        """The metrics of the head for these targets; none for the next symbol."""
        if self.targets == NEXT_SYMBOL:
            return NoMetrics()
        head: Any = self.head
        return (
            head.metrics(self.targets)
            if isinstance(head, TargetHead)
            else metrics_for(self.targets)
        )

    @cached_property
    def _cell(self) -> CheckedCell:
        return CheckedCell(self.cell, self.execution)

    @cached_property
    def _head(self) -> CheckedHead:
        return CheckedHead(self.head, self.execution, self.targets)

    def on(self, execution: Execution) -> Network:
        """The same network, computed as ``execution`` says."""
        return replace(self, execution=execution)

    def init(self, rng: np.random.Generator, dtype: npt.DTypeLike) -> Parameters:
        """Fresh parameters: ``layer0`` … and ``head``, drawn in this order."""
        n_a, n_x = self.cell.hidden_size, self.n_symbols + self.n_features
        tree: dict[str, Params] = {}
        for k in range(self.layers):
            tree[f"layer{k}"] = self._cell.init(rng, n_x if k == 0 else n_a, dtype)
        tree["head"] = self._head.init(rng, n_a, self.n_y, dtype)
        return Parameters(tree, dtype)

    def blank(self, T: int, B: int) -> tuple[Array, Array]:
        """An input and targets of zeros, of T steps and B columns."""
        n_x, targets = self.n_symbols + self.n_features, self.targets
        x = np.zeros((T, n_x, B)) if self.n_features else np.zeros((T, B), np.intp)
        own = () if targets.are_ids else (targets.size,)
        shape = (*own, B) if targets.per_sequence else (T, *own, B)
        return x, np.zeros(shape, np.intp if targets.are_ids else np.float64)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> States:
        """The zero state of every layer."""
        return tuple(self._cell.initial_state(B, dtype) for _ in range(self.layers))

    def forward(
        self,
        params: Parameters,
        x: Array,
        states: States,
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, States, list[LayerCache]]:
        """(T, B) ids, or floats (T, n_x, B) → the top layer's h (T, n_a, B), final states, caches.

        With ``rng``, dropout masks are drawn from it; without, nothing is dropped.
        """
        if rng is not None and self.input_dropout > 0:
            x = hide(self.input_dropout, x, rng)
        if x.ndim == 3:
            x = x.astype(params.flat.dtype, copy=False)
        h, finals, caches = x, [], []
        for k, state in enumerate(states):
            own = scratch.child(f"layer{k}")
            h, final, cache = self._cell.forward(params[f"layer{k}"], h, state, lengths, own)
            mask = None
            if rng is not None and self.dropout > 0:
                mask = dropout_mask(self.dropout, h, rng, own)
                h = np.multiply(h, mask, out=own.like("dropped", h))
            finals.append(final)
            caches.append(LayerCache(cache, mask))
        return h, tuple(finals), caches

    def loss(
        self,
        params: Parameters,
        h: Array,
        y: Array,
        lengths: Array | None,
        scratch: Scratch,
        weights: Array | None = None,
    ) -> tuple[float, Array, Any]:
        """``loss, losses, cache`` of the top layer's h for targets y: ids (T, B), whose losses are
        nats (T, B), or as :class:`TargetHead` says.
        """
        own = scratch.child("head")
        return self._head.forward(params["head"], h, y, lengths, own, weights)

    def predict(
        self, params: Parameters, h: Array, lengths: Array | None, scratch: Scratch
    ) -> Prediction:
        """What the head predicts from the top layer's h, in the shapes of the targets."""
        return self._head.predict(params["head"], h, lengths, scratch.child("head"))

    def loss_gradient(
        self, params: Parameters, cache: Any, h: Array, scratch: Scratch
    ) -> tuple[Params, Array]:
        """``dparams`` of the head, and the gradient dh (T, n_a, B) of the loss."""
        return self._head.backward(params["head"], cache, h, scratch.child("head"))

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
            shape = dh.shape if k else None  # nobody needs the gradient by the lowest one's input
            grads[f"layer{k}"], dx = self._cell.backward(part, cache.cell, dh, own, shape)
            dh = dx if dx is not None else dh
        return grads


def dropout_mask(dropout: float, h: Array, rng: np.random.Generator, scratch: Scratch) -> Array:
    """(T, n_a, B), strides as ``h``'s: 0 with probability ``dropout``, else 1 / (1 − dropout).

    The draws go unit by unit, then step by step, whatever the strides of ``h``, so they depend on
    the generator alone (Srivastava et al. 2014).
    """
    T, n_a, B = h.shape
    survives = _survivors(dropout, h.size, rng).reshape(n_a, T, B).transpose(1, 0, 2)
    mask = scratch.like("dropout_mask", h)
    np.multiply(survives, h.dtype.type(1 / (1 - dropout)), out=mask)
    return mask


def hide(share: float, x: Array, rng: np.random.Generator) -> Array:
    """(T, B) ids, each with the probability ``share`` replaced by −1, the zero vector."""
    return np.where(_survivors(share, x.size, rng).reshape(x.shape), x, -1)


def _survivors(dropout: float, count: int, rng: np.random.Generator) -> Array:
    """(count,) bool, each True with probability 1 − dropout."""
    bits = next((bits for bits in BITS if (dropout * 2**bits).is_integer()), BITS[-1])
    raw = rng.bit_generator.random_raw(-(-count * bits // 64))
    if bits == 1:
        return np.unpackbits(raw.view(np.uint8))[:count].view(bool)
    drawn = raw.view(np.uint8 if bits == 8 else np.uint16)
    survivors: Array = drawn[:count] >= round(dropout * 2**bits)
    return survivors


def restart(states: States, zeros: States, columns: Array) -> States:
    """A copy of ``states`` with the given columns from ``zeros``."""
    begun = tuple(tuple(array.copy() for array in state) for state in states)
    for state, zero in zip(begun, zeros, strict=True):
        for array, first in zip(state, zero, strict=True):
            array[:, columns] = first[:, columns]
    return begun


def quiet() -> np.errstate:
    """Values that are not finite are refused in words afterwards: NumPy need not warn as well."""
    return np.errstate(over="ignore", invalid="ignore")
