"""The contract of a probe: what it is given to look at, and what it returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State

if TYPE_CHECKING:
    from rnnx.contracts.buffers import Parameters, Scratch
    from rnnx.contracts.components import Cell, Grammar, Head, Sampler
    from rnnx.data.corpus import Corpus, Split
    from rnnx.data.targets import Targets
    from rnnx.data.vocabulary import Vocabulary


class Probe(Protocol):
    """Observes training and changes nothing."""

    every: int
    """Observe step 1 and every multiple of this many steps (≥ 1)."""

    def observe(self, seen: Observation) -> Findings:
        """Metrics, images and files of one step.

        Raises :class:`rnnx.errors.ConfigError` for a data set to which it does not apply.
        """


@runtime_checkable
class ConcludingProbe(Probe, Protocol):
    """A probe that also looks at the finished run: optional."""

    def conclude(self, outcome: Outcome) -> Findings:
        """Metrics, images and files, once, after the last step.

        Raises :class:`rnnx.errors.ConfigError` for a data set to which it does not apply.
        """


class LayerCell(Protocol):
    """The cell of a layer as the network runs it: in its direction, from its initial state.

    Its methods are those of :class:`Cell`, of a compiled form where there is one, and its results
    are checked. ``hidden_size`` is that of its output h: 2·n_a where it reads both ways.
    """

    component: Cell
    hidden_size: int
    reads_backwards: bool

    @property
    def recurrent_weights(self) -> tuple[str, ...]:
        """The names of its recurrent weights, as :class:`RecurrentWeights`; none where unsaid."""

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        """Fresh parameters of a layer by name, for inputs of n_x features or symbols."""

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        """The state before the first step."""

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """All steps: h (T, hidden_size, B), the final state and a cache."""

    def backward(
        self,
        params: Params,
        cache: Any,
        dh: Array,
        scratch: Scratch,
        dx_shape: tuple[int, ...] | None,
        dstate: State | None = None,
    ) -> tuple[Params, Array | None, State]:
        """``dparams, dx, dstate0``; ``dx_shape`` is that of dense x, None where x was ids.

        ``dstate`` is the gradient by the final state; None: zero.
        """

    def gates(self, cache: Any) -> Params:
        """Each gate (T, n_a, B) by its letter: ``f``, or ``forward.f`` and ``backward.f``."""

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        """A function of one step's x and the state before it, for new text."""


class LayerValues(NamedTuple):
    """What the cell of a layer got and computed; nothing is defined beyond a column's length."""

    x: Array  # its input: ids (T, B), or dense (T, n_x, B)
    h: Array  # (T, n_a, B)
    gates: Params  # each (T, n_a, B) by its letter; {} where the cell shows none


class NetworkView(Protocol):
    """The network as a probe may use it: cells and head as functions of parameters."""

    @property
    def cell(self) -> Cell:
        """The cell of every layer, as it was configured."""

    @property
    def layer_cell(self) -> LayerCell:
        """The cell of every layer as the network runs it; it takes a layer's parameters."""

    @property
    def head(self) -> Head:
        """The head on the top layer."""

    @property
    def n_symbols(self) -> int:
        """The size of the vocabulary."""

    @property
    def targets(self) -> Targets:
        """What the head predicts."""

    @property
    def layers(self) -> int:
        """The number of layers; their cells' parameters are ``params["layer0"]`` and so on."""

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> tuple[State, ...]:
        """The zero state of every layer."""

    def forward(
        self,
        params: Parameters,
        x: Array,
        states: tuple[State, ...],
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, tuple[State, ...], Any]:
        """(T, B) ids, or floats (T, n_x, B) → the top layer's y (T, d, B), the final states, one
        cache a layer.

        Without a block y is the cell's h (T, n_a, B). Without ``rng`` there is no dropout.
        """

    def layer_values(
        self, params: Parameters, x: Array, lengths: Array | None
    ) -> Iterator[LayerValues]:
        """What each cell computes for ids x (T, B) from the zero state, without dropout."""

    def head_params(self, params: Parameters, scratch: Scratch) -> Params:
        """The head's parameters by name, also those that it shares with other parts."""

    def gradient_by_h(self, params: Parameters, x: Array, dy: Array) -> Array:
        """The gradient by h (T, n_a, B) of the top layer's cell, for that by what the head reads.

        It goes through the block of that layer and not through time. ``dy`` is (T, d, B).
        """


class TrainedModel(Protocol):
    """The trained model as a probe may use it; :class:`rnnx.Model` is one."""

    config: dict[str, Any]
    """The resolved configuration of the run."""

    vocabulary: Vocabulary
    """Symbols and ids."""

    @property
    def params(self) -> Parameters:
        """The parameters of all layers and the head."""

    def sample(
        self,
        count: int = 1,
        prompt: str = "",
        sampler: str | dict[str, Any] | Sampler | None = None,
        seed: int = 0,
        length: int | None = None,
        grammar: Grammar | None = None,
    ) -> list[str]:
        """``count`` texts that begin with ``prompt``; see :meth:`rnnx.Model.sample`."""

    def score(self, lines: Sequence[str]) -> Array:
        """(lines,) the mean of −ln p in nats a character, each line's newline counted."""

    def mean_nats(self, split: Split) -> float:
        """The mean of −ln p over a split, in nats a token."""


class Observation(NamedTuple):
    """What a step computed; a probe must not change it."""

    step: int
    x: Array  # (T, B) ids, or (T, n_x, B) floats where a step has features
    y: Array  # (T, B) ids, or as the targets are
    lengths: Array | None  # (B,)
    h: Array  # what the head reads: (T, n_a, B) of the top layer's cell, (T, d, B) of its block
    dh: Array  # of h's shape
    params: Parameters
    grads: Parameters  # before clipping
    symbols: Sequence[str]  # the vocabulary
    network: NetworkView


class Outcome(NamedTuple):
    """A finished run; a probe must not change it."""

    model: TrainedModel  # of the best checkpoint by held-out loss, else of the last
    corpus: Corpus
    seed: int  # the run's


class _Findings(NamedTuple):
    metrics: Mapping[str, float]  # name → value
    images: Mapping[str, bytes]  # name [a-z0-9_] → PNG
    files: Mapping[str, bytes]  # name [A-Za-z0-9_.-] → content


class Findings(_Findings):
    """What a probe returns: ``Findings(metrics, images, files)``, each a dict by name.

    ``figures`` and ``pictures`` are the names that ``metrics`` and ``images`` had at first;
    probes that use them keep working.
    """

    __slots__ = ()

    def __new__(
        cls,
        metrics: Mapping[str, float] | None = None,
        images: Mapping[str, bytes] | None = None,
        files: Mapping[str, bytes] | None = None,
        *,
        figures: Mapping[str, float] | None = None,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Findings:
        metrics = metrics if metrics is not None else figures
        images = images if images is not None else pictures
        return super().__new__(
            cls,
            {} if metrics is None else metrics,
            {} if images is None else images,
            {} if files is None else files,
        )

    @property
    def figures(self) -> Mapping[str, float]:
        """The first name of ``metrics``."""
        return self.metrics

    @property
    def pictures(self) -> Mapping[str, bytes]:
        """The first name of ``images``."""
        return self.images


def is_image_name(name: str) -> bool:
    """Whether a tracker takes ``name`` for an image."""
    return re.fullmatch(r"[a-z0-9_]{1,200}", name) is not None


def is_file_name(name: str) -> bool:
    """Whether a tracker takes ``name`` for a probe's file."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", name) is not None
