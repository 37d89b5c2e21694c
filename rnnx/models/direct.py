"""The calls of a training step where cells stand bare: what they need is bound once.

A network answers for every configuration, and asks at each step for what its own never has: a
block, a direction, zoneout, tied weights. Of a small network that takes a fifth of the step. Where
there is none of these a step is the calls of :class:`rnnx.models.layer.Layer` that are left, in
their order, so that results are the same bit for bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch, take
from rnnx.data.batch import Batch
from rnnx.models.dropout import hide, output_mask
from rnnx.models.layer import LayerCache
from rnnx.models.network import Network, States
from rnnx.registry.checks import CheckedHead


class Bound(NamedTuple):
    """What belongs to one layer, or to the head."""

    params: Params
    grads: Params
    scratch: Scratch


class Passed(NamedTuple):
    """What a layer's backward pass needs."""

    cache: Any  # the cell's own
    mask: Array | None  # of what is dropped
    dx_shape: tuple[int, ...] | None  # None: the input was ids, or the network's own


class Backward(NamedTuple):
    """What a backward pass gives, beside the gradients of the parameters."""

    dh: Array  # (T, n_a, B), that of the loss by what the head read
    squares: float | None = None  # the sum of all gradients' squares, where it is known


class DirectPath:
    """The forward and backward pass of a network whose cells stand bare, up to a ``head`` of steps.

    The gradients go to ``grads``.
    """

    def __init__(
        self,
        network: Network,
        head: CheckedHead,
        params: Parameters,
        grads: Parameters,
        scratch: Scratch,
    ) -> None:
        def bound(part: str) -> Bound:
            return Bound(params[part], grads[part], scratch.child(part))

        self._input_dropout, self._dropout = network.input_dropout, network.stack[0].dropout
        self._cell, self._head = network.layer_cell, head
        self._dtype = params.flat.dtype
        self._layers = [bound(f"layer{k}") for k in range(network.layers)]
        self._last = bound("head")
        self.parts = self._layers[0], self._last  # the lowest layer's, the head's
        self._passed: list[Passed] = []
        self._head_cache: Any = None

    def forward(
        self, batch: Batch, states: States, rng: np.random.Generator
    ) -> tuple[float, Array, States]:
        """``loss, h, states`` of a batch; ``rng`` draws what is dropped."""
        y, lengths, passed, finals = batch.x, batch.lengths, self._passed, []
        passed.clear()
        if self._input_dropout > 0:
            y = hide(self._input_dropout, y, rng)
        if y.ndim == 3:
            y = y.astype(self._dtype, copy=False)
        for layer, state in zip(self._layers, states, strict=True):
            shape = y.shape if passed else None
            h, final, cache = self._cell.forward(layer.params, y, state, lengths, layer.scratch)
            mask, y = None, h
            if self._dropout.outputs > 0:
                mask = output_mask(self._dropout, h, rng, layer.scratch)
                y = np.multiply(h, mask, out=layer.scratch.like("dropped", h))
            finals.append(final)
            passed.append(Passed(cache, mask, shape))
        params, _, scratch = self._last
        loss, _, self._head_cache = self._head.forward(params, y, batch.y, lengths, scratch)
        return loss, y, tuple(finals)

    def backward(self, h: Array) -> Backward:
        """The gradients of the last forward pass, whose ``h`` it was."""
        params, grads, scratch = self._last
        dparams, top = self._head.backward(params, self._head_cache, h, scratch)
        take(grads, dparams)
        dy: Any = top
        for layer, (cache, mask, shape) in zip(
            reversed(self._layers), reversed(self._passed), strict=True
        ):
            params, grads, scratch = layer
            if mask is not None:
                dy = np.multiply(dy, mask, out=scratch.like("d_dropped", dy))
            dparams, dy, _ = self._cell.backward(params, cache, dy, scratch, shape)
            take(grads, dparams)
        self._passed.clear()
        self._head_cache = None
        return Backward(top)


class NetworkPath:
    """The same of any network."""

    def __init__(
        self, network: Network, params: Parameters, grads: Parameters, scratch: Scratch
    ) -> None:
        self._network, self._params, self._grads = network, params, grads
        self._scratch = scratch
        self._caches: list[LayerCache] = []
        self._head_cache: Any = None

    def forward(
        self, batch: Batch, states: States, rng: np.random.Generator
    ) -> tuple[float, Array, States]:
        """``DirectPath.forward``."""
        network, params, scratch = self._network, self._params, self._scratch
        h, finals, self._caches = network.forward(
            params, batch.x, states, batch.lengths, scratch, rng
        )
        learned = batch.y, batch.lengths, scratch, batch.weights
        loss, _, self._head_cache = network.loss(params, h, *learned)
        return loss, h, finals

    def backward(self, h: Array) -> Backward:
        """``DirectPath.backward``."""
        network, params, scratch = self._network, self._params, self._scratch
        dhead, dh = network.loss_gradient(params, self._head_cache, h, scratch)
        grads = network.backward(params, self._caches, dh, scratch)
        self._grads.take(network.joined(grads, dhead))
        self._caches, self._head_cache = [], None
        return Backward(dh)
