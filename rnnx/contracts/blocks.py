"""The contract of a block: what stands around the cell of a layer.

    layer input x ─┬─► … ─► cell ─► … ─┬─► layer output y
                   └───── residual ────┘

The cell comes to a block as a function of its input, so that any block stands around any cell. The
block holds its own parameters, gradients and state; the cell's are not its business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State

if TYPE_CHECKING:
    from rnnx.contracts.buffers import Scratch


class Place(NamedTuple):
    """Where a layer stands in its stack."""

    layer: int
    """0 for the lowest."""
    layers: int
    """How many there are."""

    @property
    def is_last(self) -> bool:
        """Whether the head reads what this layer returns."""
        return self.layer == self.layers - 1


Inner: TypeAlias = Callable[[Array], Array]
"""The cell as a block sees it: its input (T, n_x, B) → h (T, n_a, B); in ``backward`` the gradient
by h → the gradient by its input."""


class Block(Protocol):
    """What a layer computes around its cell: norms, products, a residual."""

    embeds: bool
    """Whether the block works on vectors of d ``features``. The input of the lowest layer is then
    brought to d by a matrix, an embedding where it is ids. False: the block gets the layer's input
    as it is, ids included, and hands it to the cell."""

    def features(self, n_a: int) -> int:
        """d, the features of the layer's output, for a cell of n_a hidden units (≥ 1)."""

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        """The features of the cell's input, for a layer whose input has n_x (d where it embeds)."""

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        """Fresh parameters by name; {} for a block without any."""

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        """The zero state of the block itself: arrays (n, B); () for a block without one."""

    def forward(
        self,
        params: Params,
        x: Array,
        state: State,
        lengths: Array | None,
        cell: Inner,
        scratch: Scratch,
    ) -> tuple[Array, State, Any]:
        """All T steps: ``y (T, d, B), final state, cache``; ``cell`` is called once.

        ``x`` is (T, n_x, B); where the block embeds it is 0 beyond a column's length. ``lengths``
        is (B,) ints or None (all T): a column's final state is that after its last valid step. What
        y holds beyond a length is not read. ``x``, ``state`` and ``params`` are not changed; the
        final state is in arrays of its own. T = 1 continues from any state, which is how new text
        is written.
        """

    def backward(
        self, params: Params, cache: Any, dy: Array, cell: Inner, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        """``dparams, dx (T, n_x, B)``; ``cell`` takes the gradient by its h to that by its input.

        ``dy`` (T, d, B) is the gradient of the loss by y, 0 beyond a column's length where the
        block embeds; the final state has no gradient. ``dx`` may be None where x was ids. ``cell``
        is called once. ``dy`` is not changed.
        """


@runtime_checkable
class BareBlock(Block, Protocol):
    """A block that may be nothing at all: optional."""

    is_bare: ClassVar[bool]
    """True: y is the cell's h for the layer's own input. rnnx then calls the cell alone."""
