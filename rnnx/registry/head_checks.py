"""A head as training calls it where its targets are given, or have weights: results are checked
against the contract, and errors name the head.
"""

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
from rnnx.data.targets import Targets
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import (
    checked_parameters,
    contract_error,
    head_gradients,
    result_parts,
)


class MeasuredCache(NamedTuple):
    """The cache of ``TargetHead.measure``, which marks whose backward pass it is for."""

    cache: Any


class CheckedTargetHead:
    """A head whose ``measure`` and ``predict`` are checked and whose exceptions name it.

    It computes by the head's compiled form where ``execution`` says so and that has ``measure``.
    """

    def __init__(self, head: Head | TargetHead, execution: Execution, targets: Targets) -> None:
        form = execution.form(head)
        self.component: Any = head
        self.targets = targets
        self._measured: Any = form if hasattr(form, "measure") else head

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        """``TargetHead.init``: arrays of ``dtype`` by name, without NaN."""
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
    ) -> tuple[float, Array, MeasuredCache]:
        """``TargetHead.measure``, with y and weights in the type of h."""
        y = y if self.targets.are_ids else y.astype(h.dtype, copy=False)
        weights = None if weights is None else weights.astype(h.dtype, copy=False)
        with attributing():
            result = self._measured.measure(params, h, y, lengths, weights, scratch)
        head = self.component
        loss, losses, cache = result_parts("head", head, "measure", result, "loss, losses, cache")
        if not isinstance(loss, (int, float)):
            what = f"measure: the loss is {type(loss).__name__}, expected float"
            raise contract_error("head", head, what)
        shape = y.shape[-1:] if self.targets.per_sequence else (len(h), h.shape[-1])
        if np.shape(losses) != shape:
            what = f"measure: losses are {np.shape(losses)}, expected {shape}"
            raise contract_error("head", head, what)
        return loss, losses, MeasuredCache(cache)

    def backward(
        self, params: Params, cache: MeasuredCache, h: Array, scratch: Scratch
    ) -> tuple[Params, Array]:
        """``TargetHead.backward`` for the ``h`` of forward: ``dparams, dh`` like it."""
        with attributing():
            result = self._measured.backward(params, cache.cache, scratch)
        return head_gradients(self.component, result, params, h)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, scratch: Scratch
    ) -> Prediction:
        """``TargetHead.predict``, in the shapes of the targets; any head's class by its logits."""
        head, targets, B = self.component, self.targets, h.shape[-1]
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
        full = (targets.size, B) if targets.per_sequence else (len(h), targets.size, B)
        if found.p is not None and np.shape(found.p) != full:
            what = f"predict: p is {np.shape(found.p)}, expected {full} or None"
            raise contract_error("head", head, what)
        return found


def _softmax(logits: Array) -> Array:
    """(T, n_y, B) probabilities, in an array of their own."""
    p: Array = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    return p
