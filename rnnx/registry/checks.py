"""Components as training calls them: each result is checked against the contract.

An error names the component and its plugin, what was expected and what was found. Shapes and types
are checked at every step, since that costs next to nothing; values that are not finite and inputs
that were changed in place at the first step alone (training/first_step.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import (
    Cell,
    Dataset,
    GatedCell,
    Head,
    RecurrentWeights,
    StreamingCell,
)
from rnnx.contracts.execution import Execution
from rnnx.data.batch import Batch
from rnnx.data.corpus import Corpus
from rnnx.data.targets import NEXT_SYMBOL, Targets
from rnnx.data.wrong_values import wrong_in_batch, wrong_values
from rnnx.errors import ConfigError, CorpusError, PluginError
from rnnx.registry.attribution import attribute, attributing, named


def contract_error(kind: str, component: Any, what: str) -> PluginError:
    """A PluginError that names the component and says where to look further."""
    return PluginError(f"{named(kind, component)}: {what}")


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


class CheckedCell:
    """A cell whose results are checked and whose exceptions name it.

    It computes by the cell's compiled form where ``execution`` says so.
    """

    reads_backwards = False

    def __init__(self, cell: Cell, execution: Execution) -> None:
        self.component, self.hidden_size = cell, cell.hidden_size
        self._forward = execution.method(cell, "forward")
        self._backward = execution.method(cell, "backward")

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """``Cell.init``: arrays of ``dtype`` by name, without NaN."""
        with attributing():
            found = self.component.init(rng, n_x, dtype)
        return checked_parameters("cell", self.component, found, dtype)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """``Cell.initial_state``: a tuple of arrays (…, B), the first of them (n_a, B)."""
        try:
            state: Any = self.component.initial_state(B, dtype)
        except BaseException as error:
            attribute(error)
            raise
        if not isinstance(state, tuple) or not state:
            found = "an empty tuple" if isinstance(state, tuple) else type(state).__name__
            what = f"initial_state returned {found}, expected a tuple, h first"
            raise contract_error("cell", self.component, what)
        for k, array in enumerate(state):
            shape = (self.hidden_size, B) if k == 0 else (*np.shape(array)[:-1], B)
            if not is_like(array, shape, dtype):
                what = f"initial_state: part {k} is {unlike(array, shape, dtype)}"
                raise contract_error("cell", self.component, what)
        return state

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``: h (T, n_a, B) and a final state like ``state``."""
        try:
            result = self._forward(params, x, state, lengths, scratch)
        except BaseException as error:
            attribute(error)
            raise
        cell, first = self.component, state[0]
        h, final, cache = result_parts("cell", cell, "forward", result, "h, state, cache")
        shape = (len(x), *first.shape)
        if not is_like(h, shape, first.dtype):
            what = f"forward: h is {unlike(h, shape, first.dtype)}"
            raise contract_error("cell", cell, what)
        _check_final_state(cell, final, state)
        return h, final, cache

    def backward(
        self,
        params: Params,
        cache: Any,
        dh: Array,
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
        dstate: State | None = None,
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``: ``dparams, dx, dstate0``.

        ``dx`` is of ``dx_shape``; where that is None, the input was ids and there is no dx.
        """
        try:
            result = self._backward(params, cache, dh, dstate, scratch)
        except BaseException as error:
            attribute(error)
            raise
        cell = self.component
        names = "dparams, dx, dstate0"
        dparams, dx, dstate0 = result_parts("cell", cell, "backward", result, names)
        dparams = checked_gradients("cell", cell, dparams, params)
        if dx_shape is None:
            return dparams, None, dstate0
        if not is_like(dx, dx_shape, dh.dtype):
            what = f"backward: dx is {unlike(dx, dx_shape, dh.dtype)}"
            raise contract_error("cell", cell, what)
        return dparams, dx, dstate0

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """``RecurrentWeights.recurrent_weights``; none where the cell does not say."""
        cell = self.component
        return cell.recurrent_weights if isinstance(cell, RecurrentWeights) else ()

    def gates(self, cache: Any) -> Params:
        """``GatedCell.gates``; none where the cell shows none."""
        return self.component.gates(cache) if isinstance(self.component, GatedCell) else {}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """The cell's own stream, or its forward over one step at a time, unchecked."""
        cell = self.component
        if isinstance(cell, StreamingCell):
            return cell.stream(params, scratch)

        def step(x: Array, state: State) -> State:
            final: State = cell.forward(params, x[None], state, None, scratch)[1]
            return final

        return step


class CheckedHead:
    """A head whose results are checked and whose exceptions name it."""

    def __init__(self, head: Head, execution: Execution) -> None:
        self.component = head
        self._forward = execution.method(head, "forward")
        self._backward = execution.method(head, "backward")

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        """``Head.init``: arrays of ``dtype`` by name, without NaN."""
        with attributing():
            found = self.component.init(rng, n_a, n_y, dtype)
        return checked_parameters("head", self.component, found, dtype)

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Any]:
        """``Head.forward``: a number and nats (T, B)."""
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
            result = self._backward(params, cache, scratch)
        except BaseException as error:
            attribute(error)
            raise
        return head_gradients(self.component, result, params, h)


def head_gradients(head: Any, result: Any, params: Params, h: Array) -> tuple[Params, Array]:
    """``dparams, dh`` of a head's backward, dh like ``h``."""
    dparams, dh = result_parts("head", head, "backward", result, "dparams, dh")
    dparams = checked_gradients("head", head, dparams, params)
    if not is_like(dh, h.shape, h.dtype):
        raise contract_error("head", head, f"backward: dh is {unlike(dh, h.shape, h.dtype)}")
    return dparams, dh


def result_parts(kind: str, component: Any, method: str, result: Any, names: str) -> Any:
    """A result of several parts, by their ``names``."""
    if not isinstance(result, tuple) or len(result) != names.count(",") + 1:
        found = f"{len(result)} parts" if isinstance(result, tuple) else type(result).__name__
        raise contract_error(kind, component, f"{method} returned {found}, expected ({names})")
    return result


def _check_final_state(cell: Any, found: Any, like: State) -> None:
    if not isinstance(found, tuple) or len(found) != len(like):
        count = len(found) if isinstance(found, tuple) else type(found).__name__
        what = f"forward: final state is {count}, expected a tuple of {len(like)} arrays"
        raise contract_error("cell", cell, what)
    for k, other in enumerate(like):
        if not is_like(one := found[k], other.shape, other.dtype):
            what = f"forward: final state {k} is {unlike(one, other.shape, other.dtype)}"
            raise contract_error("cell", cell, what)


def checked_gradients(kind: str, component: Any, found: Any, params: Params) -> Params:
    """A gradient for each parameter, of its shape and type."""
    if type(found) is not dict and not isinstance(found, Mapping):  # a dict needs no abstract class
        what = f"backward returned {type(found).__name__} for dparams, expected a dict by name"
        raise contract_error(kind, component, what)
    for name, array in params.items():
        given, dtype = found.get(name), array.dtype
        if type(given) is np.ndarray and given.shape == array.shape and given.dtype is dtype:
            continue  # nearly always: is_like without its call
        if not is_like(given, array.shape, dtype):
            told = unlike(given, array.shape, array.dtype)
            raise contract_error(kind, component, f"backward: d{name} is {told}")
    if len(found) > len(params):
        strange = min(map(str, set(found) - set(params)))
        what = f"backward: there is a gradient for {strange}, which is no parameter"
        raise contract_error(kind, component, f"{what}; they are {', '.join(params)}")
    return found if type(found) is dict else dict(found)


def checked_parameters(kind: str, component: Any, found: Any, dtype: Any) -> Params:
    """Fresh parameters: arrays of the type asked for, by name, without NaN."""
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise contract_error(kind, component, "init: returned no dict of arrays by name")
    for name, array in found.items():
        shape = np.shape(array)
        if not is_like(array, shape, dtype):
            raise contract_error(kind, component, f"init: {name} is {unlike(array, shape, dtype)}")
        if np.isnan(array).any():
            raise contract_error(kind, component, f"init: {name} holds nan")
    return found


def load_corpus(dataset: Dataset) -> Corpus:
    """The corpus of a data set, split by its own seed.

    PluginError where it is none, or has values that nothing can be learned from.
    """
    seed: Any = getattr(dataset, "split_seed", 0)
    if type(seed) is not int or seed < 0:
        raise ConfigError(f"dataset.split_seed={seed!r}: must be a whole number, at least 0")
    try:
        with attributing():
            found: Any = dataset.load(seed)
        if not isinstance(found, Corpus):
            what = f"load returned {type(found).__name__}, expected rnnx.Corpus"
            raise contract_error("dataset", dataset, what)
        with attributing():
            cause = wrong_values(found)
    except CorpusError as error:
        raise contract_error("dataset", dataset, f"load: {error}") from error
    if cause:
        raise contract_error("dataset", dataset, f"load: {cause}")
    return found


def refuse_wrong_values(
    dataset: Dataset, batch: Batch, n_symbols: int, targets: Targets = NEXT_SYMBOL
) -> None:
    """PluginError where a batch has ids that are none, NaN, or bits that are neither 0 nor 1."""
    if cause := wrong_in_batch(batch, n_symbols, targets):
        raise contract_error("dataset", dataset, cause)
