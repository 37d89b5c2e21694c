"""The first step's own checks: inputs that must not be written, and who computed a NaN.

From finite parameters of moderate size a component has to compute finite numbers, so a NaN in the
first step is a component's fault, not a learning rate's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.batches import Batch
from rnnx.errors import Diverged
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
    B, h, caches, scratch = batch.x.shape[-1], batch.x, [], Scratch()
    if h.ndim == 3:
        h = h.astype(params.flat.dtype, copy=False)
    for k, state in enumerate(network.initial_state(B, params.flat.dtype)):
        own = scratch.child(f"layer{k}")
        h, _, cache = network.cell.forward(params[f"layer{k}"], h, state, batch.lengths, own)
        if _refuse(network, h, f"forward of layer {k}: h"):
            return
        caches.append(cache)
    learned = batch.y, batch.lengths, scratch, batch.weights
    loss, _, cache = network.loss(params, h, *learned)
    if not np.isfinite(loss):
        raise contract_error("head", network.head, f"forward: the loss is {loss} for finite h")
    dhead, dh = network.loss_gradient(params, cache, h, scratch)
    for name, array in {"dh": dh, **{f"d{name}": a for name, a in dhead.items()}}.items():
        if np.isnan(array).any():
            raise contract_error(
                "head", network.head, f"backward: {name} is not finite, but the loss is"
            )
    for k in reversed(range(network.layers)):
        own = scratch.child(f"layer{k}")
        dparams, dx, _ = network.cell.backward(params[f"layer{k}"], caches[k], dh, None, own)
        for name, array in dparams.items():
            if np.isnan(array).any() and _size(dh) < MODERATE:
                what = f"backward of layer {k}: d{name} is nan, dh and the loss are finite"
                raise contract_error("cell", network.cell, what)
        dh = dx if dx is not None else dh


def _refuse(network: Network, h: Array, what: str) -> bool:
    """Raise PluginError for a NaN computed from moderate numbers; True where numbers had grown."""
    bad = ~np.isfinite(h)
    if not bad.any():
        return False
    t, unit, column = (int(i) for i in np.argwhere(bad)[0])
    if t > 0 and _size(h[:t]) > MODERATE:
        return True
    value = h[t, unit, column]
    raise contract_error(
        "cell",
        network.cell,
        f"{what} is {value} at step {t}, unit {unit}, column {column}, from finite parameters",
    )


def _size(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))
