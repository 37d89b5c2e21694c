"""One layer: a cell, what stands around it, and what a training step leaves out of both.

    x ─► block ( cell ─► dropout ) ─► y

The parameters of layer k are the cell's in ``layer<k>`` and the block's own in ``block<k>``; its
state is the cell's arrays, then the block's. Where the block embeds, the lowest layer begins with
the parameters of ``entry``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.blocks import Place
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.probes import LayerCell
from rnnx.models import entry, zoneout
from rnnx.models.dropout import Dropout, masked, output_mask, weight_masks
from rnnx.registry.block_checks import CheckedBlock

Step = Callable[[Array, State], tuple[Array, State]]
"""One step's ids (B,) or dense x (n_x, B), and the state before it → y (d, B), the state after."""


class LayerCache(NamedTuple):
    cell: Any  # the cell's own
    mask: Array | None  # of h: 0 where a unit is dropped, else 1 / (1 − dropout)
    h: Array  # (T, n_a, B), the cell's, before dropout
    x: Array  # the cell's input, ids (T, B) or dense (T, n_x, B)
    weights: Params | None = None  # masks of recurrent weights
    lengths: Array | None = None  # (B,)
    block: Any = None  # the block's own
    block_dx_shape: tuple[int, ...] | None = None
    entering: Array | None = None  # ids (T, B) or dense (T, n_x, B) that a block's way in maps


@dataclass(frozen=True)
class Layer:
    """The layer at ``place``; without a block it is the cell alone."""

    cell: LayerCell
    block: CheckedBlock | None
    dropout: Dropout
    place: Place
    _names: tuple[str, str] = field(init=False, default=("", ""))

    def __post_init__(self) -> None:
        k = self.place.layer
        object.__setattr__(self, "_names", (f"layer{k}", f"block{k}"))

    @cached_property
    def width(self) -> int:
        """d, the features of what the layer returns."""
        n_a = self.cell.hidden_size
        return n_a if self.block is None else self.block.features(n_a)

    @property
    def _embeds(self) -> bool:
        """Whether inputs become vectors of ``width`` before this layer."""
        return self.block is not None and self.block.component.embeds and not self.place.layer

    @cached_property
    def _cell_arrays(self) -> int:
        """How many of the state's arrays are the cell's."""
        return len(self.cell.initial_state(1, np.float32))

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> dict[str, Params]:
        """Fresh parameters by part, for inputs of ``n_x`` features or symbols."""
        (own, around), n_a = self._names, self.cell.hidden_size
        if self.block is None:
            return {own: self.cell.init(rng, n_x, dtype)}
        begin: dict[str, Params] = {}
        if self._embeds:
            begin[entry.PART] = entry.init(rng, n_x, self.width, dtype)
            n_x = self.width
        cell = self.cell.init(rng, self.block.cell_inputs(n_x, n_a), dtype)
        block = self.block.init(rng, n_x, n_a, self.place, dtype)
        return begin | ({own: cell, around: block} if block else {own: cell})

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The zero state: the cell's arrays, then the block's."""
        state = self.cell.initial_state(B, dtype)
        if self.block is None:
            return state
        return (*state, *self.block.initial_state(self.cell.hidden_size, B, dtype))

    def forward(
        self,
        params: Parameters,
        x: Array,
        state: State,
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None,
    ) -> tuple[Array, State, LayerCache]:
        """y (T, d, B), the final state and a cache; ``rng`` draws what is dropped, None: nothing.

        ``params`` and ``scratch`` are those of the whole network.
        """
        if self.block is None:
            return self._cell_forward(params, x, state, lengths, scratch, rng)
        at, found, entering = self._cell_arrays, [], None
        if self._embeds:
            entering, part = x, entry.PART
            x = entry.forward(params[part], x, scratch.child(part))

        def cell(inner: Array) -> Array:
            found.append(self._cell_forward(params, inner, state[:at], lengths, scratch, rng))
            return found[-1][0]

        own = self._names[1]
        y, after, kept = self.block.forward(
            params.get(own, {}),
            x,
            state[at:],
            lengths,
            cell,
            scratch.child(own),
            self.cell.hidden_size,
        )
        _, final, cache = found[0]
        cache = cache._replace(block=kept, block_dx_shape=_dense_shape(x), entering=entering)
        return y, (*final, *after), cache

    def _cell_forward(
        self,
        params: Parameters,
        x: Array,
        state: State,
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None,
    ) -> tuple[Array, State, LayerCache]:
        own, how, weights = scratch.child(self._names[0]), self.dropout, None
        given = params[self._names[0]]
        if rng is not None and how.weights:
            weights = weight_masks(how.weights, given, self.cell.recurrent_weights, rng)
            given = masked(given, weights)
        if any(how.zoneout):
            h, final, cache = zoneout.forward(
                self.cell.component, how.zoneout, given, x, state, lengths, own, rng
            )
        else:
            h, final, cache = self.cell.forward(given, x, state, lengths, own)
        mask, y = None, h
        if rng is not None and how.outputs > 0:
            mask = output_mask(how, h, rng, own)
            y = np.multiply(h, mask, out=own.like("dropped", h))
        return y, final, LayerCache(cache, mask, h, x, weights, lengths)

    def backward(
        self, params: Parameters, cache: LayerCache, dy: Array, scratch: Scratch
    ) -> tuple[dict[str, Params], Array | None]:
        """The gradients of :meth:`init`'s parameters by part, and dx; None where x was ids."""
        grads: dict[str, Params] = {}
        own, around = self._names
        if self.block is None:
            grads[own], dx = self._cell_backward(params[own], cache, dy, scratch.child(own))
            return grads, dx

        def cell(dh: Array) -> Array:
            grads[own], inner = self._cell_backward(params[own], cache, dh, scratch.child(own))
            return dh if inner is None else inner  # ids have no gradient, and nobody reads it

        given = params.get(around, {})
        dparams, dx = self.block.backward(
            given,
            cache.block,
            dy,
            cache.lengths,
            cell,
            scratch.child(around),
            cache.block_dx_shape,
        )
        if given:
            grads[around] = dparams
        if cache.entering is None or dx is None:
            return grads, dx
        own_scratch = scratch.child(entry.PART)
        grads[entry.PART] = entry.backward(params[entry.PART], cache.entering, dx, own_scratch)
        return grads, None

    def _cell_backward(
        self, given: Params, cache: LayerCache, dh: Array, own: Scratch
    ) -> tuple[Params, Array | None]:
        if cache.mask is not None:
            dh = np.multiply(dh, cache.mask, out=own.like("d_dropped", dh))
        if cache.weights is not None:
            given = masked(given, cache.weights)
        if any(self.dropout.zoneout):
            dparams, dx, _ = zoneout.backward(
                self.cell.component, given, cache.cell, dh, cache.lengths, own
            )
        else:
            # Nobody reads the gradient by the network's own input.
            is_first = self.block is None and not self.place.layer
            shape = None if is_first else _dense_shape(cache.x)
            dparams, dx, _ = self.cell.backward(given, cache.cell, dh, own, shape)
        return (dparams if cache.weights is None else masked(dparams, cache.weights)), dx

    def gradient_by_h(
        self, params: Parameters, cache: LayerCache, dy: Array, scratch: Scratch
    ) -> Array:
        """The gradient (T, n_a, B) by the cell's h, for that by y, not going through the cell."""
        if self.block is None:
            return dy
        found: list[Array] = []

        def cell(dh: Array) -> Array:
            found.append(dh)
            return np.zeros_like(dh if cache.x.ndim == 2 else cache.x)

        own = self._names[1]
        self.block.backward(
            params.get(own, {}),
            cache.block,
            dy,
            cache.lengths,
            cell,
            scratch.child(own),
            cache.block_dx_shape,
        )
        return found[0]

    def gates(self, cache: LayerCache) -> Params:
        """Each gate of the cell (T, n_a, B) by its letter; {} where it shows none."""
        if not isinstance(cache.cell, zoneout.Cache):
            return self.cell.gates(cache.cell)
        steps = [self.cell.gates(step) for step in cache.cell.steps]
        return {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}

    def stream(self, params: Parameters, scratch: Scratch) -> Step:
        """A function of one step, with weights prepared once and without dropout."""
        own, around = self._names
        step = self.cell.stream(params[own], scratch.child(own))
        if any(self.dropout.zoneout):
            step = zoneout.streamed(step, self.dropout.zoneout)
        if self.block is None:
            return lambda x, state: ((after := step(x, state))[0], after)
        given, room, at = params.get(around, {}), scratch.child(around), self._cell_arrays
        whole = _block_step(self.block, step, given, room, at)
        if not self._embeds:
            return whole
        first = entry.stream(params[entry.PART])
        return lambda x, state: whole(first(x), state)


def _dense_shape(x: Array) -> tuple[int, ...] | None:
    """The shape of the gradient by an input; None for ids, which have none."""
    return x.shape if x.ndim == 3 else None


def _block_step(
    block: CheckedBlock,
    step: Callable[[Array, State], State],
    params: Params,
    scratch: Scratch,
    at: int,
) -> Step:
    """One step of a block around ``step``; ``at`` arrays of the state are the cell's."""

    def whole(x: Array, state: State) -> tuple[Array, State]:
        found: list[State] = []

        def cell(inner: Array) -> Array:
            found.append(step(inner[0], state[:at]))
            return found[-1][0][None]

        y, after, _ = block.component.forward(params, x[None], state[at:], None, cell, scratch)
        return y[0], (*found[0], *after)

    return whole
