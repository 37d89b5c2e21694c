"""The first step's own checks: inputs that must not be written, and who computed a NaN.

From finite parameters of moderate size a component has to compute finite numbers, so a NaN in the
first step is a component's fault, not a learning rate's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.batches import Batch
from rnnx.errors import Diverged
from rnnx.models.layer import LayerCache
from rnnx.models.network import Network
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import contract_error
from rnnx.training.read_only import read_only

MODERATE = 1e3  # above this magnitude a NaN may be an overflow and not a component's fault
Result = TypeVar("Result")


def checked_first_step(
    compute: Callable[[], Result],
    network: Network,
    params: Parameters,
    batch: Batch,
    read_only_inputs: bool,
) -> Result:
    """``compute()``, the first forward and backward; PluginError names a component at fault.

    ``read_only_inputs``: whether the arrays that components get can be made read-only.
    """
    inputs = batch.x, batch.y, batch.lengths, batch.weights
    try:
        with read_only(params, inputs) if read_only_inputs else nullcontext():
            return compute()
    except Diverged:
        with attributing():
            find_culprit(network, params, batch)
        raise


def find_culprit(network: Network, params: Parameters, batch: Batch) -> None:
    """Raise PluginError that names the first component whose result is not finite.

    Returns where parameters or states are large: then a loss may overflow by itself.
    """
    if not _size(params.flat) < MODERATE:
        return
    B, y, caches, scratch = batch.x.shape[-1], batch.x, [], Scratch()
    if y.ndim == 3:
        y = y.astype(params.flat.dtype, copy=False)
    for layer, state in zip(
        network.stack, network.initial_state(B, params.flat.dtype), strict=True
    ):
        y, _, cache = layer.forward(params, y, state, batch.lengths, scratch, None)
        if _refuse_forward(network, layer.place.layer, cache, y):
            return
        caches.append(cache)
    learned = batch.y, batch.lengths, scratch, batch.weights
    loss, _, cache = network.loss(params, y, *learned)
    if not np.isfinite(loss):
        raise contract_error("head", network.head, f"forward: the loss is {loss} for finite h")
    dhead, dh = network.loss_gradient(params, cache, y, scratch)
    for name, array in {"dh": dh, **{f"d{name}": a for name, a in dhead.items()}}.items():
        if np.isnan(array).any():
            raise contract_error(
                "head", network.head, f"backward: {name} is not finite, but the loss is"
            )
    for layer, kept in zip(reversed(network.stack), reversed(caches), strict=True):
        parts, dx = layer.backward(params, kept, dh, scratch)
        for part, dparams in parts.items():
            _refuse_gradients(network, part, dparams, dh)
        dh = dx if dx is not None else dh


def _refuse_forward(network: Network, k: int, cache: LayerCache, y: Array) -> bool:
    """Whether numbers had grown in layer k; PluginError for what is not finite before they have."""
    where = f"forward of layer {k}:"
    found: list[tuple[str, Any, Array, str]] = [("cell", network.cell, cache.h, "h")]
    if network.block is not None:
        found.append(("block", network.block, y, "y"))
        if cache.x.ndim == 3:
            found.insert(0, ("block", network.block, cache.x, "the cell's input"))
    return any(_refuse(kind, one, array, f"{where} {what}") for kind, one, array, what in found)


def _refuse_gradients(network: Network, part: str, dparams: Params, dh: Array) -> None:
    """PluginError for a gradient that is nan although dh is finite and moderate."""
    kind, component = ("cell", network.cell) if "layer" in part else ("block", network.block)
    for name, array in dparams.items():
        if np.isnan(array).any() and _size(dh) < MODERATE:
            where = re.sub(r"(\d)", r" \1", part, count=1)  # layer 0
            what = f"backward of {where}: d{name} is nan, dh and the loss are finite"
            raise contract_error(kind, component, what)


def _refuse(kind: str, component: Any, h: Array, what: str) -> bool:
    """Raise PluginError for a NaN computed from moderate numbers; True where numbers had grown."""
    bad = ~np.isfinite(h)
    if not bad.any():
        return False
    t, unit, column = (int(i) for i in np.argwhere(bad)[0])
    if t > 0 and _size(h[:t]) > MODERATE:
        return True
    value = h[t, unit, column]
    raise contract_error(
        kind,
        component,
        f"{what} is {value} at step {t}, unit {unit}, column {column}, from finite parameters",
    )


def _size(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))
