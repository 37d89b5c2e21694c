"""The compiled forms of a cell and of the head above it as one: what a small network's step calls.

A step of a small network is mostly Python between compiled calls. Where cells stand bare, a layer's
compiled form may offer to compute the head's form as well, with the results of both, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch

Mask = Callable[[Array], Array]
"""h (T, n_a, B) → what it is multiplied by before the head reads it: a mask of dropout."""
Part = tuple[Params, Scratch]
"""The parameters and the buffers of the cell, or of the head."""


class Joined(Protocol):
    """A cell and its head: one call forward and one backward."""

    def takes(self, tokens: int) -> bool:
        """Whether it computes a batch of so many targets; the two forms do otherwise."""

    def forward(
        self, x: Array, y: Array, state: State, lengths: Array | None, mask: Mask | None
    ) -> tuple[float, Array, State]:
        """The loss of ids x for targets y (T, B), what the head read (T, n_a, B), the final state.

        ``mask``: where something is dropped in between.
        """

    def backward(self) -> tuple[Array, float | None]:
        """The gradient of the last forward pass by what the head read.

        Those of the parameters are written to the buffers ``dWx`` and the like. Beside it the sum
        of their squares as ``np.dot`` has it, or None.
        """


@runtime_checkable
class JoiningForm(Protocol):
    """A cell's compiled form that computes with the heads that it knows."""

    def joined(
        self, head: Any, of_cell: Part, of_head: Part, drops: bool, flat: Array
    ) -> Joined | None:
        """Both as one, for parameters and buffers that stay; None if it does not know ``head``.

        ``head`` is the compiled form of the head; ``drops``: forward is given a ``mask``; ``flat``
        is the vector of all gradients, whose parts the buffers ``dWx`` and the like are.
        """
