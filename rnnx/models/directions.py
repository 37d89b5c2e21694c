"""Cells that read a sequence from its end: ``direction=backward``, and ``both`` ways at once.

    backward   h⟨t⟩ = cell(x⟨t⟩, h⟨t+1⟩)                    (T, n_a, B)
    both       h⟨t⟩ = [forward h⟨t⟩; backward h⟨t⟩]         (T, 2·n_a, B)

Each column is turned around within its own length, so the backward pass begins at the column's last
valid step, and padding stays behind its end. The parameters of the two passes of a layer are
``forward.Wx`` … and ``backward.Wx`` …; its state is that of the forward pass, then the other's.
A final state of the backward pass belongs to the beginning of the sequence, so a sequence is read
whole: it cannot be cut into windows, nor written symbol by symbol.

The wrappers have the methods of :class:`rnnx.contracts.probes.LayerCell`, like the cell in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.settings import Direction
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx.contracts.components import Cell
from rnnx.contracts.execution import Execution
from rnnx.contracts.probes import LayerCell
from rnnx.data.corpus import Corpus
from rnnx.errors import ConfigError
from rnnx.padding import is_padded
from rnnx.registry.checks import CheckedCell
from rnnx.system.threads import BlasThreads, side_by_side

FORWARD, BACKWARD = "forward", "backward"  # begin the names of a layer's parameters


def directed(cell: Cell, direction: Direction, execution: Execution) -> LayerCell:
    """A layer's cell that reads in ``direction`` and computes as ``execution`` says."""
    if direction is Direction.forward:
        return CheckedCell(cell, execution)
    if direction is Direction.backward:
        return Backwards(CheckedCell(cell, execution))
    return BothWays(cell, execution)


class TurnedCache(NamedTuple):
    cell: Any  # the cell's own
    order: Array | None  # as :func:`_order` has it


class BothCache(NamedTuple):
    forward: Any  # the cell's own
    backward: TurnedCache


class Backwards:
    """A cell that begins at the last valid step of each column."""

    reads_backwards = True

    def __init__(self, cell: CheckedCell) -> None:
        self.cell, self.component, self.hidden_size = cell, cell.component, cell.hidden_size

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """The cell's own."""
        return self.cell.recurrent_weights

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """The cell's own parameters."""
        return self.cell.init(rng, n_x, dtype)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The zero state behind each column's end."""
        return self.cell.initial_state(B, dtype)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, TurnedCache]:
        """``Cell.forward``; the final state is that of each column's first step."""
        shape = self.hidden_size, len(x), x.shape[-1]
        h = _steps("h", *shape, state[0].dtype, scratch.child("turned"))
        final, cache = self.forward_into(h, params, x, state, lengths, scratch)
        return h, final, cache

    def forward_into(
        self,
        h: Array,
        params: Params,
        x: Array,
        state: State,
        lengths: Array | None,
        scratch: Scratch,
    ) -> tuple[State, TurnedCache]:
        """:meth:`forward` that writes h (T, n_a, B)."""
        order, own = _order(lengths, len(x)), scratch.child("turned")
        turned = _turned(x, order, "x", own)
        found, final, cache = self.cell.forward(params, turned, state, lengths, scratch)
        _turn(found, order, h)
        return final, TurnedCache(cache, order)

    def backward(
        self,
        params: Params,
        cache: TurnedCache,
        dh: Array,
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
        dstate: State | None = None,
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``: ``dparams, dx, dstate0``."""
        own = scratch.child("turned")
        turned = _turned(dh, cache.order, "dh", own)
        dparams, dx, dstate0 = self.cell.backward(
            params, cache.cell, turned, scratch, dx_shape, dstate
        )
        return dparams, None if dx is None else _turned(dx, cache.order, "dx", own), dstate0

    def gates(self, cache: TurnedCache) -> Params:
        """Each gate of the cell, (T, n_a, B) in the order of the sequence."""
        found, scratch = self.cell.gates(cache.cell), Scratch()
        return {name: _turned(gate, cache.order, name, scratch) for name, gate in found.items()}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """ConfigError: the end of a text that is being written is not known."""
        raise not_written(Direction.backward)


class BothWays:
    """A cell with two sets of parameters, one of which reads backwards; the outputs joined.

    Where the run has two threads or more and the cell a compiled form, each pass has a thread of
    its own; its results do not depend on that.
    """

    reads_backwards = True

    def __init__(self, cell: Cell, execution: Execution) -> None:
        alone = Execution(execution.compiled, 1)  # a thread for each pass, none shared
        self._side_by_side = execution.threads > 1 and execution.form(cell) is not None
        self.cell = CheckedCell(cell, alone if self._side_by_side else execution)
        self.turned = Backwards(self.cell)
        self.component, self.hidden_size = cell, 2 * cell.hidden_size

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """Those of both passes."""
        names = self.cell.recurrent_weights
        return tuple(f"{way}.{name}" for way in (FORWARD, BACKWARD) for name in names)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """The parameters of the forward pass, then those of the backward pass."""
        made = {way: self.cell.init(rng, n_x, dtype) for way in (FORWARD, BACKWARD)}
        return {f"{way}.{name}": array for way in made for name, array in made[way].items()}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The zero state of the forward pass, then that of the backward pass."""
        return (*self.cell.initial_state(B, dtype), *self.cell.initial_state(B, dtype))

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, BothCache]:
        """``Cell.forward`` both ways: h (T, 2·n_a, B)."""
        n_a, half = self.cell.hidden_size, len(state) // 2
        h = _steps("h", 2 * n_a, len(x), x.shape[-1], state[0].dtype, scratch.child("both"))

        def ahead() -> tuple[State, Any]:
            own = part_of(params, FORWARD), x, state[:half], lengths, scratch.child(FORWARD)
            found, final, cache = self.cell.forward(*own)
            np.copyto(h[:, :n_a], found)
            return final, cache

        def back() -> tuple[State, TurnedCache]:
            own = part_of(params, BACKWARD), x, state[half:], lengths, scratch.child(BACKWARD)
            return self.turned.forward_into(h[:, n_a:], *own)

        (first, cache), (last, turned) = self._both(ahead, back)
        return h, (*first, *last), BothCache(cache, turned)

    def backward(
        self,
        params: Params,
        cache: BothCache,
        dh: Array,
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
        dstate: State | None = None,
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward`` both ways: ``dparams, dx, dstate0``; dx is the sum of the two."""
        n_a = self.cell.hidden_size
        half = 0 if dstate is None else len(dstate) // 2
        by_first, by_last = (None, None) if dstate is None else (dstate[:half], dstate[half:])
        own = {way: part_of(params, way) for way in (FORWARD, BACKWARD)}
        for way, part in own.items():
            _bind(part, way, scratch)

        def ahead() -> tuple[Params, Array | None, State]:
            given = own[FORWARD], cache.forward, dh[:, :n_a], scratch.child(FORWARD)
            return self.cell.backward(*given, dx_shape, by_first)

        def back() -> tuple[Params, Array | None, State]:
            given = own[BACKWARD], cache.backward, dh[:, n_a:], scratch.child(BACKWARD)
            return self.turned.backward(*given, dx_shape, by_last)

        found = dict(zip((FORWARD, BACKWARD), self._both(ahead, back), strict=True))
        dparams = {
            f"{way}.{k}": d for way, (parts, _, _) in found.items() for k, d in parts.items()
        }
        (_, dx, first), (_, turned, last) = found.values()
        if dx is not None and turned is not None:
            turned += dx  # a buffer of the wrapper's own
        return dparams, turned, (*first, *last)

    def _both(self, ahead: Callable[[], Any], back: Callable[[], Any]) -> tuple[Any, Any]:
        if not self._side_by_side:
            return ahead(), back()
        with BlasThreads(1):
            return side_by_side(ahead, back)

    def gates(self, cache: BothCache) -> Params:
        """Each gate of both passes, (T, n_a, B): ``forward.f``, ``backward.f``."""
        gates = {
            FORWARD: self.cell.gates(cache.forward),
            BACKWARD: self.turned.gates(cache.backward),
        }
        return {f"{way}.{name}": gate for way in gates for name, gate in gates[way].items()}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """ConfigError: the end of a text that is being written is not known."""
        raise not_written(Direction.both)


def refuse_seen_target(direction: Direction, corpus: Corpus) -> None:
    """ConfigError where a pass would read the symbol that it has to predict."""
    if direction is not Direction.forward and corpus.is_language:
        raise ConfigError(
            f"direction={direction.value}: the target is the next symbol, and a pass from the end "
            "reads it before it is predicted; choose direction=forward, or a data set whose "
            "targets are no part of its inputs"
        )


def not_written(direction: Direction) -> ConfigError:
    """Why such a network writes no text."""
    return ConfigError(
        f"direction={direction.value}: a text is written from its beginning, and this network "
        "begins to read at the end; train with direction=forward to write texts"
    )


def part_of(params: Params, way: str) -> Params:
    """The parameters of one pass, by the cell's own names."""
    start = len(way) + 1
    return {name[start:]: array for name, array in params.items() if name.startswith(f"{way}.")}


def _bind(own: Params, way: str, scratch: Scratch) -> None:
    """Let the cell's ``dWx`` be the layer's ``dforward.Wx``, where the flat gradient has it."""
    child = scratch.child(way)
    for name, array in own.items():
        place = scratch.array(f"d{way}.{name}", array.shape, array.dtype)
        if child.array(f"d{name}", array.shape, array.dtype) is not place:
            child.bind(f"d{name}", place)


def _order(lengths: Array | None, T: int) -> Array | None:
    """(T, B): the step of a column that comes at t when it is turned; None: T − 1 − t everywhere.

    Padding stays where it is.
    """
    if lengths is None or not is_padded(lengths, T):
        return None
    t = np.arange(T)[:, None]
    return np.where(t < lengths, lengths - 1 - t, t)


def _turned(steps: Array, order: Array | None, name: str, scratch: Scratch) -> Array:
    """ids (T, B) or (T, n, B), each column turned around within its length."""
    if steps.ndim == 2:
        return steps[::-1].copy() if order is None else np.take_along_axis(steps, order, axis=0)
    T, n, B = steps.shape
    out = _steps(name, n, T, B, steps.dtype, scratch)
    _turn(steps, order, out)
    return out


def _turn(steps: Array, order: Array | None, out: Array) -> None:
    """Write ``steps`` (T, n, B) turned around into ``out``."""
    T, n, B = steps.shape
    if order is None:
        np.copyto(out, steps[::-1])
        return
    # The places of a row of all steps: gathering along rows is several times faster than by step.
    places = (order * B + np.arange(B)).ravel()
    rows = steps.transpose(1, 0, 2).reshape(n, T * B)
    np.copyto(out.transpose(1, 0, 2), np.take(rows, places, axis=1).reshape(n, T, B))


def _steps(name: str, n: int, T: int, B: int, dtype: Any, scratch: Scratch) -> Array:
    """(T, n, B) whose memory is n rows of all steps, as compiled kernels read them."""
    flat = flat_buffer(name, n, T * B, dtype, scratch)
    return flat[:, : T * B].reshape(n, T, B).transpose(1, 0, 2)
