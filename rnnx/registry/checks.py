"""What components answer, held against their contract where training goes on with it.

Each error names the component and its plugin, what was expected and what was found. Shapes and
types cost next to nothing and are looked at in every step; what is not finite, or was changed in
place, in the first one (see firststep.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.components import Dataset
from rnnx.contracts.parameters import Parameters
from rnnx.data.batches import Batch
from rnnx.data.corpus import Corpus
from rnnx.errors import PluginError
from rnnx.registry.attribution import answering, named


def fault(kind: str, component: Any, what: str) -> PluginError:
    """A PluginError that names the component and says where to look further."""
    return PluginError(f"{named(kind, component)}: {what}")


def parts(kind: str, component: Any, method: str, answer: Any, names: str) -> Any:
    """An answer of several parts, by their ``names``."""
    if not isinstance(answer, tuple) or len(answer) != names.count(",") + 1:
        found = f"{len(answer)} parts" if isinstance(answer, tuple) else type(answer).__name__
        raise fault(kind, component, f"{method} returned {found}, expected ({names})")
    return answer


def is_like(array: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> bool:
    """Whether it is an array of this shape and type."""
    if not isinstance(array, np.ndarray) or array.shape != shape:
        return False
    found = array.dtype
    return found is dtype or found == dtype  # `is` is ten times faster


def unlike(array: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> str:
    """What was found where an array was expected, in words."""
    expected = f"expected {shape} of {np.dtype(dtype)}"
    if not isinstance(array, np.ndarray):
        return f"{'nothing' if array is None else type(array).__name__}, {expected}"
    return f"{array.shape} of {array.dtype}, {expected}"


def forward(cell: Any, answer: Any, T: int, state: State, dtype: Any) -> tuple[Array, State, Any]:
    """``h, final state, cache`` of a cell's forward."""
    h, final, cache = parts("cell", cell, "forward", answer, "h, state, cache")
    shape = (T, *state[0].shape)
    if not is_like(h, shape, dtype):
        raise fault("cell", cell, f"forward: h is {unlike(h, shape, dtype)}")
    _state(cell, "forward: final state", final, state, dtype)
    return h, final, cache


def _state(cell: Any, what: str, found: Any, like: State, dtype: Any) -> None:
    if not isinstance(found, tuple) or len(found) != len(like):
        count = len(found) if isinstance(found, tuple) else type(found).__name__
        raise fault("cell", cell, f"{what} is {count}, expected a tuple of {len(like)} arrays")
    for k, other in enumerate(like):
        if not is_like(one := found[k], other.shape, dtype):
            raise fault("cell", cell, f"{what} {k} is {unlike(one, other.shape, dtype)}")


def initial_state(cell: Any, state: Any, n_a: int, B: int, dtype: Any) -> State:
    """A cell's initial state."""
    if not isinstance(state, tuple) or not state:
        found = "an empty tuple" if isinstance(state, tuple) else type(state).__name__
        raise fault("cell", cell, f"initial_state returned {found}, expected a tuple, h first")
    for k, array in enumerate(state):
        shape = (n_a, B) if k == 0 else np.shape(array)
        if not is_like(array, shape, dtype):
            raise fault("cell", cell, f"initial_state: part {k} is {unlike(array, shape, dtype)}")
    return state


def backward(
    cell: Any, answer: Any, params: Params, dx_shape: tuple[int, ...] | None
) -> tuple[Params, Array | None]:
    """``dparams, dx`` of a cell's backward; dx has to be there where its shape is given."""
    dparams, dx, _ = parts("cell", cell, "backward", answer, "dparams, dx, dstate0")
    gradients("cell", cell, dparams, params)
    if dx_shape is not None:
        dtype = next(iter(params.values())).dtype if params else np.float32
        if not is_like(dx, dx_shape, dtype):
            raise fault("cell", cell, f"backward: dx is {unlike(dx, dx_shape, dtype)}")
    return dparams, dx if dx_shape is not None else None


def gradients(kind: str, component: Any, found: Any, params: Params) -> Params:
    """A gradient for each parameter, of its shape and type."""
    if type(found) is not dict and not isinstance(found, Mapping):  # a dict needs no abstract class
        what = f"backward returned {type(found).__name__} for dparams, expected a dict by name"
        raise fault(kind, component, what)
    for name, array in params.items():
        given = found.get(name)
        if not is_like(given, array.shape, array.dtype):
            told = unlike(given, array.shape, array.dtype)
            raise fault(kind, component, f"backward: d{name} is {told}")
    if len(found) > len(params):
        strange = min(map(str, set(found) - set(params)))
        what = f"backward: there is a gradient for {strange}, which is no parameter"
        raise fault(kind, component, f"{what}; they are {', '.join(params)}")
    return found if type(found) is dict else dict(found)


def parameters(kind: str, component: Any, found: Any, dtype: Any) -> Params:
    """Fresh parameters: arrays of the type asked for, by name, without NaN."""
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise fault(kind, component, "init: returned no dict of arrays by name")
    for name, array in found.items():
        shape = np.shape(array)
        if not is_like(array, shape, dtype):
            raise fault(kind, component, f"init: {name} is {unlike(array, shape, dtype)}")
        if np.isnan(array).any():
            raise fault(kind, component, f"init: {name} holds nan")
    return found


def head_loss(head: Any, answer: Any, T: int, B: int) -> tuple[float, Array, Any]:
    """``loss, nats, cache`` of a head's forward."""
    loss, nats, cache = parts("head", head, "forward", answer, "loss, nats, cache")
    if not isinstance(loss, (int, float)):  # in this form, of what every step asks, the cheaper
        raise fault("head", head, f"forward: the loss is {type(loss).__name__}, expected float")
    if (nats.shape if type(nats) is np.ndarray else np.shape(nats)) != (T, B):
        raise fault("head", head, f"forward: nats is {np.shape(nats)}, expected {(T, B)}")
    return loss, nats, cache


def head_gradients(head: Any, answer: Any, params: Params, h: Array) -> tuple[Params, Array]:
    """``dparams, dh`` of a head's backward."""
    dparams, dh = parts("head", head, "backward", answer, "dparams, dh")
    gradients("head", head, dparams, params)
    if not is_like(dh, h.shape, h.dtype):
        raise fault("head", head, f"backward: dh is {unlike(dh, h.shape, h.dtype)}")
    return dparams, dh


def corpus(dataset: Any, found: Any) -> Corpus:
    """What a data set loaded."""
    if not isinstance(found, Corpus):
        what = f"load returned {type(found).__name__}, expected rnnx.Corpus"
        raise fault("dataset", dataset, what)
    return found


def optimizer_state(optimizer: Any, found: Any) -> Params:
    """What an optimizer keeps: arrays by name."""
    if not isinstance(found, dict) or not all(isinstance(a, np.ndarray) for a in found.values()):
        raise fault("optimizer", optimizer, "init: returned no dict of arrays by name")
    return found


def factor(schedule: Any, found: Any, step: int) -> float:
    """A schedule's factor."""
    if isinstance(found, (int, float, np.floating)) and 0 <= found < math.inf:
        return float(found)
    what = f"factor({step}) returned {found!r:.60}, expected a finite number of at least 0"
    raise fault("schedule", schedule, what)


def updated(optimizer: Any, params: Parameters, flat: Array) -> None:
    """Parameters that an optimizer moved are where they were."""
    if params.flat is not flat:
        what = "update: replaced params.flat, which other arrays are views of; change it in place"
        raise fault("optimizer", optimizer, what)


def load_corpus(dataset: Dataset, seed: int) -> Corpus:
    """The corpus of a data set; PluginError where it is none."""
    with answering():
        return corpus(dataset, dataset.load(seed))


def refuse_foreign_ids(dataset: Dataset, batch: Batch, n_symbols: int) -> None:
    """PluginError where a batch has ids that the vocabulary does not have."""
    for what, ids, least in (("x", batch.x, -1), ("y", batch.y, 0)):
        lowest, highest = int(np.min(ids)), int(np.max(ids))
        if lowest < least or highest >= n_symbols:
            raise fault(
                "dataset",
                dataset,
                f"load: {what} holds ids {lowest} … {highest}, the vocabulary has "
                f"{least} … {n_symbols - 1}",
            )
