"""The contract of a head that says which targets it takes: classes, values, bits, of a step or of
a whole sequence, each with a weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params

if TYPE_CHECKING:
    from rnnx.contracts.buffers import Scratch
    from rnnx.data.metrics import Metrics, Prediction
    from rnnx.data.targets import Targets


@runtime_checkable
class TargetHead(Protocol):
    """A head that says which targets it takes; it may stand in the place of a Head.

    A head without these methods takes the next symbol, and classes a step without weights. Shapes
    of the targets, of which a head may take some:

                           y                     weights, losses
        class a step       (T, B) ids            (T, B)
        values, bits       (T, n_y, B) floats    (T, B)
        class a sequence   (B,) ids              (B,)
        values, bits       (n_y, B) floats       (B,)

    One that takes the next symbol has ``logits`` and ``forward`` of :class:`Head` as well.
    """

    @property
    def loss_unit(self) -> str:
        """The unit of the loss of one target: ``nats`` where it is −ln of a likelihood, else what
        it is, ``absolute error``.
        """

    def takes(self, targets: Targets) -> bool:
        """Whether this head, with its fields as they are, can learn such targets."""

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        """Fresh parameters by name, from n_a hidden units to n_y classes, values or bits."""

    def measure(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        weights: Array | None,
        scratch: Scratch,
    ) -> tuple[float, Array, Any]:
        """``loss, losses, cache`` for h (T, n_a, B) and the targets y.

        ``losses`` are those of each target, not yet weighted: 0 beyond a column's length, and
        anything finite where a weight is 0, whatever y is there (NaN, an id that is none). ``loss``
        is what training optimises: Σ weight·loss / Σ weight over the batch (0 where all weights
        are 0) or the head's own reduction. ``weights`` None: all are 1. A length may be 0 where
        targets are one a step. Nothing that is passed in is changed.
        """

    def backward(self, params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
        """``dparams, dh (T, n_a, B)`` of the loss of ``measure``; dh is 0 where a step has no part
        in it: beyond a column's length.
        """

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        """What is predicted from h (T, n_a, B), in the shapes of y, in arrays of its own.

        Beyond a column's length it may be anything.
        """

    def metrics(self, targets: Targets) -> Metrics:
        """The metrics of such targets: :func:`rnnx.metrics_for` has the usual ones."""


@runtime_checkable
class TiedHead(Protocol):
    """A head that may share its weights with the network's embedding: optional."""

    tied: bool
    """Whether it does."""
    tied_weight: str
    """The name of its parameter (n_y, n_a) that is then the transpose of the embedding."""


@runtime_checkable
class CountingHead(Protocol):
    """A head that is told how often each symbol of a text is a target: optional."""

    def count_targets(self, params: Params, counts: Array) -> None:
        """Change fresh ``params`` in place for ``counts`` (n_y,) int64, how often each id is a
        target of the training part.

        Called once, after ``init``, where the next symbol is learned: the parameters are to keep
        what the head needs of it, since a run that is resumed and a model that is loaded have no
        counts.
        """
