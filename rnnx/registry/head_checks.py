"""A head as training calls it: each result is checked against the contract, and errors name it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Head
from rnnx.contracts.execution import Execution
from rnnx.contracts.target_heads import TargetHead
from rnnx.data.metrics import Prediction
from rnnx.data.targets import NEXT_SYMBOL, Targets
from rnnx.registry.attribution import attribute, attributing
from rnnx.registry.checks import (
    checked_gradients,
    checked_parameters,
    contract_error,
    is_like,
    result_parts,
    unlike,
)


class CheckedHead:
    """A head whose results are checked and whose exceptions name it."""

    def __init__(
        self, head: Head | TargetHead, execution: Execution, targets: Targets = NEXT_SYMBOL
    ) -> None:
        self.component, self.targets = head, targets
        # What every head takes goes by ``forward``, which may be compiled, all else by ``measure``.
        form = execution.form(head)
        self._takes_all = hasattr(head, "forward") and targets.are_ids and not targets.per_sequence
        if self._takes_all:
            self._forward = execution.method(head, "forward")
            self._backward = execution.method(head, "backward")
        self._measured: Any = form if hasattr(form, "measure") else head

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        """``Head.init``: arrays of ``dtype`` by name, without NaN."""
        with attributing():
            found = self.component.init(rng, n_a, n_y, dtype)
        return checked_parameters("head", self.component, found, dtype)

    def forward(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        scratch: Scratch,
        weights: Array | None = None,
    ) -> tuple[float, Array, Any]:
        """``Head.forward`` or ``TargetHead.measure``: a number, and the losses of each target."""
        if weights is not None or not self._takes_all:
            return self._measure(params, h, y, lengths, weights, scratch)
        try:
            result = self._forward(params, h, y, lengths, scratch)
        except BaseException as error:
            attribute(error)
            raise
        head = self.component
        loss, nats, cache = result_parts("head", head, "forward", result, "loss, nats, cache")
        if not isinstance(loss, (int, float)):  # of the forms of this question the cheapest
            what = f"forward: the loss is {type(loss).__name__}, expected float"
            raise contract_error("head", head, what)
        if (nats.shape if type(nats) is np.ndarray else np.shape(nats)) != y.shape:
            what = f"forward: nats is {np.shape(nats)}, expected {y.shape}"
            raise contract_error("head", head, what)
        return loss, nats, cache

    def backward(
        self, params: Params, cache: Any, h: Array, scratch: Scratch
    ) -> tuple[Params, Array]:
        """``Head.backward`` for the ``h`` of forward: ``dparams, dh`` like it."""
        try:
            if type(cache) is _MeasuredCache:
                result = self._measured.backward(params, cache.cache, scratch)
            else:
                result = self._backward(params, cache, scratch)
        except BaseException as error:
            attribute(error)
            raise
        head = self.component
        dparams, dh = result_parts("head", head, "backward", result, "dparams, dh")
        dparams = checked_gradients("head", head, dparams, params)
        if not is_like(dh, h.shape, h.dtype):
            raise contract_error("head", head, f"backward: dh is {unlike(dh, h.shape, h.dtype)}")
        return dparams, dh

    def _measure(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        weights: Array | None,
        scratch: Scratch,
    ) -> tuple[float, Array, Any]:
        """``TargetHead.measure``, with y and weights in the type of h."""
        y = y if self.targets.are_ids else y.astype(h.dtype, copy=False)
        weights = None if weights is None else weights.astype(h.dtype, copy=False)
        with attributing():
            result = self._measured.measure(params, h, y, lengths, weights, scratch)
        head: Any = self.component
        loss, losses, cache = result_parts("head", head, "measure", result, "loss, losses, cache")
        if not isinstance(loss, (int, float)):
            what = f"measure: the loss is {type(loss).__name__}, expected float"
            raise contract_error("head", head, what)
        shape = y.shape[-1:] if self.targets.per_sequence else (len(h), h.shape[-1])
        if np.shape(losses) != shape:
            what = f"measure: losses are {np.shape(losses)}, expected {shape}"
            raise contract_error("head", head, what)
        return loss, losses, _MeasuredCache(cache)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, scratch: Scratch
    ) -> Prediction:
        """``TargetHead.predict``, in the shapes of the targets; any head's class by its logits."""
        head: Any = self.component
        targets, B = self.targets, h.shape[-1]
        with attributing():
            if not isinstance(head, TargetHead):
                logits = head.logits(params, h, scratch)
                return Prediction(np.argmax(logits, axis=1), _softmax(logits))
            found: Any = head.predict(params, h, lengths, targets.per_sequence, scratch)
        if not isinstance(found, Prediction):
            what = f"predict returned {type(found).__name__}, expected rnnx.Prediction"
            raise contract_error("head", head, what)
        own = () if targets.are_ids else (targets.size,)
        shape = (*own, B) if targets.per_sequence else (len(h), *own, B)
        if np.shape(found.y) != shape:
            what = f"predict: y is {np.shape(found.y)}, expected {shape}"
            raise contract_error("head", head, what)
        return found


class _MeasuredCache(NamedTuple):
    """The cache of ``measure``, whose backward pass is that of the same object."""

    cache: Any


def _softmax(logits: Array) -> Array:
    """(T, n_y, B) probabilities, in an array of their own."""
    p: Array = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    return p
