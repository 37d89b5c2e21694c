"""The first update, watched: inputs that must not be written, and who made what is not finite.

From finite parameters of moderate size a component has to answer with finite numbers, so a NaN in
the first update is a component's fault, not a learning rate's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.components import Dataset
from rnnx.contracts.parameters import Parameters
from rnnx.contracts.scratch import Scratch
from rnnx.data.batches import Batch
from rnnx.errors import Diverged
from rnnx.models.network import Network
from rnnx.registry.checks import fault, refuse_foreign_ids

MODERATE = 1e3  # the largest number that no rounding or growth turns into a NaN at once


@contextmanager
def read_only(params: Parameters, others: Iterable[Array | None]) -> Iterator[None]:
    """Whoever writes to these arrays gets a ValueError from NumPy, at the line that does so."""
    views = [array for part in params.values() for array in part.values()]
    given = [array for array in others if array is not None]
    arrays = [array for array in (*views, params.flat, *given) if array.flags.writeable]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in reversed(arrays):  # a view only once what it is a view of may be written
            array.flags.writeable = True


class Watched(AbstractContextManager[None]):
    """Forward, loss and backward of one update: the first one's faults have names.

    A class, not a generator: every training step enters it.
    """

    def __init__(
        self,
        network: Network,
        params: Parameters,
        dataset: Dataset,
        batch: Batch,
        *,
        first: bool,
        guarded: bool,
    ) -> None:
        """``first``: it is the first update; ``guarded``: its inputs are made read-only."""
        self._network, self._params, self._dataset = network, params, dataset
        self._batch, self._first = batch, first
        self._closed = ExitStack() if first and guarded else None

    def __enter__(self) -> None:
        if self._closed:
            given = self._batch.x, self._batch.y, self._batch.lengths
            self._closed.enter_context(read_only(self._params, given))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._closed:
            self._closed.close()
        if self._first and isinstance(error, Diverged):
            find_culprit(self._network, self._params, self._batch)
        if isinstance(error, IndexError):
            refuse_foreign_ids(self._dataset, self._batch, self._network.n_symbols)


def find_culprit(network: Network, params: Parameters, batch: Batch) -> None:
    """PluginError that names the component whose answer is the first that is not finite.

    Returns where none is to be named: where parameters or states are large, a loss may overflow.
    """
    if not _size(params.flat) < MODERATE:
        return
    B, h, caches, scratch = batch.y.shape[1], batch.x, [], Scratch()
    for k, state in enumerate(network.initial_state(B, params.flat.dtype)):
        own = scratch.child(f"layer{k}")
        h, _, cache = network.cell.forward(params[f"layer{k}"], h, state, batch.lengths, own)
        if _refuse(network, h, f"forward of layer {k}: h"):
            return
        caches.append(cache)
    own = scratch.child("head")
    loss, _, cache = network.head.forward(params["head"], h, batch.y, batch.lengths, own)
    if not np.isfinite(loss):
        raise fault("head", network.head, f"forward: the loss is {loss} for finite h")
    dhead, dh = network.head.backward(params["head"], cache, own)
    for name, array in {"dh": dh, **{f"d{name}": a for name, a in dhead.items()}}.items():
        if np.isnan(array).any():
            raise fault("head", network.head, f"backward: {name} is not finite, but the loss is")
    for k in reversed(range(network.layers)):
        own = scratch.child(f"layer{k}")
        answer = network.cell.backward(params[f"layer{k}"], caches[k], dh, None, own)
        for name, array in answer[0].items():
            if np.isnan(array).any() and _size(dh) < MODERATE:
                what = f"backward of layer {k}: d{name} is nan, dh and the loss are finite"
                raise fault("cell", network.cell, what)
        dh = answer[1] if answer[1] is not None else dh


def _refuse(network: Network, h: Array, what: str) -> bool:
    """PluginError for a NaN that comes out of moderate numbers; True for one that grew."""
    bad = ~np.isfinite(h)
    if not bad.any():
        return False
    t, unit, column = (int(i) for i in np.argwhere(bad)[0])
    if t > 0 and _size(h[:t]) > MODERATE:
        return True
    value = h[t, unit, column]
    raise fault(
        "cell",
        network.cell,
        f"{what} is {value} at step {t}, unit {unit}, column {column}, from finite parameters",
    )


def _size(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0))
