"""What a component may ask of an update: optional abilities, each a Protocol of its own.

A component has an ability if it has the Protocol's methods or fields; nothing else declares it.

    gradients ─► clip ─► factor·rate ─► update, by groups ─► projection
                  │         ▲ held-out metric
                  └─ state ─┴─ state      kept in checkpoints, as the optimizer's is

State is arrays by name, as an optimizer's: made once, changed in place, of the same shapes and
types for the whole run. A run that is resumed gets it back bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from rnnx.arrays import Array, Params
from rnnx.contracts.ranges import require

if TYPE_CHECKING:
    from rnnx.contracts.buffers import Parameters, Scratch


@dataclass(frozen=True)
class Group:
    """How the parameters that a pattern names are updated, where that is not as all others are."""

    decay: bool = True
    """Whether the optimizer's weight decay acts on them."""
    rate: float = 1.0
    """A factor on their learning rate: at least 0 and finite; 0 leaves them as they are."""

    def __post_init__(self) -> None:
        require(0 <= self.rate < math.inf, "rate", "at least 0 and finite", self.rate)


@runtime_checkable
class GroupedParameters(Protocol):
    """A cell, head or block some of whose parameters are updated otherwise: optional."""

    def parameter_groups(self) -> Mapping[str, Group]:
        """Pattern → group, as ``{"nu": Group(decay=False, rate=0.5), "gate_*": Group(rate=0.1)}``.

        A pattern is a name of :meth:`init`'s, with ``*`` and ``?`` as in file names; the first that
        fits a parameter decides. One that fits none is an error.
        """


@runtime_checkable
class ProjectedParameters(Protocol):
    """A cell, head or block whose parameters keep within a set: optional."""

    def project_parameters(self, params: Params) -> None:
        """Move the parameters of one layer into the set, in place, after each update.

        ``params`` are those of :meth:`init`. What is inside already stays as it is.
        """


@runtime_checkable
class ParameterClipper(Protocol):
    """A clipper whose bound depends on the parameters: optional, in place of ``clip``.

    Where a class has both, this one is called; ``clip_with_state`` comes before either.
    """

    def clip_by_parameters(self, grads: Parameters, norm: float, params: Parameters) -> bool:
        """As ``Clipper.clip``; ``params`` have the names and shapes of ``grads`` and stay."""


@runtime_checkable
class StatefulClipper(Protocol):
    """A clipper that remembers earlier steps: optional, in place of ``clip``."""

    def init_state(self, params: Parameters) -> Params:
        """Fresh state by name: arrays that a checkpoint keeps."""

    def clip_with_state(
        self, grads: Parameters, norm: float, state: Params, params: Parameters
    ) -> bool:
        """As ``Clipper.clip``, once for each update; ``state`` changes in place, ``params`` stay.

        ``norm`` is finite in training, which ends at a gradient that is not.
        """


@runtime_checkable
class MonitoringSchedule(Protocol):
    """A schedule that follows the monitored metric: optional, in place of ``factor``."""

    def init_state(self) -> Params:
        """Fresh state by name: arrays that a checkpoint keeps."""

    def evaluated(self, state: Params, value: float, higher_is_better: bool) -> None:
        """Take note of the metric in ``state``, in place, after each evaluation by ``eval_every``.

        ``value`` may be infinite, or NaN where the metric is undefined.
        """

    def factor_with_state(self, step: int, state: Params) -> float:
        """The factor (≥ 0) for update number ``step`` (≥ 1); ``state`` stays as it is."""


@runtime_checkable
class DecayingOptimizer(Protocol):
    """An optimizer with weight decay that lets the user spare biases: optional."""

    decay_biases: bool
    """Whether biases are decayed, too. A bias is an array of one column whose name begins with b;
    what is called otherwise is named by :class:`GroupedParameters`."""


class Groups(NamedTuple):
    """The groups of all parameters, for an optimizer that applies them by itself."""

    rates: Array  # (n,) the factor on the learning rate of each number of ``params.flat``
    decays: Array  # (n,) 1 where weight decay acts, else 0; both of the parameters' type


@runtime_checkable
class GroupedOptimizer(Protocol):
    """An optimizer that applies parameter groups by itself: optional.

    For all others the core does so, by ``update`` alone. That is right where a
    move is proportional to the rate, and where an entry of the parameters decides its own decay and
    nothing else. A rule that uses the parameters otherwise (their norm, as LAMB) has this method.
    """

    def update_groups(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
        groups: Groups,
    ) -> None:
        """As ``Optimizer.update``, called in its place where a network has groups."""


@runtime_checkable
class AccumulatingHead(Protocol):
    """A head that says what a batch's loss weighs among several: optional, for ``accumulate``.

    Without it a batch weighs as much as the weights of its targets come to: right for a mean over
    them.
    """

    def batch_weight(self, tokens: float, columns: int) -> float:
        """The weight (> 0) of the loss of a batch of ``columns`` sequences.

        ``tokens`` is the number of its targets, or the sum of their weights. The loss and the
        gradient of several batches are the means by what is returned. They are those of one batch
        that holds all sequences: ``tokens`` for a mean over targets, ``columns`` for a mean over
        sequences.
        """


IN_PLACE_OF: Mapping[str, tuple[type, ...]] = {
    "clip": (ParameterClipper, StatefulClipper),
    "factor": (MonitoringSchedule,),
}
"""A method of a contract → the abilities that a component may have in place of it."""
