"""Cells in a stack, dropout between them, a head on top: a function of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.components import Components
from rnnx.config.settings import Direction, DropoutKind, InitialState, Train
from rnnx.contracts.blocks import BareBlock, Block, Place
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Cell, Head, RecurrentWeights
from rnnx.contracts.execution import NUMPY, Execution
from rnnx.contracts.probes import LayerCell, LayerValues
from rnnx.contracts.target_heads import TargetHead
from rnnx.data.metrics import Metrics, NoMetrics, Prediction, metrics_for
from rnnx.data.targets import NEXT_SYMBOL, OF_IDS, Quantity, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import ConfigError
from rnnx.models.directions import directed
from rnnx.models.dropout import Dropout, hide
from rnnx.models.layer import Layer, LayerCache
from rnnx.models.starting import LearnedStart
from rnnx.models.tying import head_params, joined, tie, tied_weight
from rnnx.registry.attribution import named
from rnnx.registry.block_checks import CheckedBlock
from rnnx.registry.checks import CheckedCell, CheckedHead
from rnnx.registry.head_checks import CheckedTargetHead, MeasuredCache

States: TypeAlias = tuple[State, ...]
"""One state a layer."""


@dataclass(frozen=True)
class Network:
    """``layers`` cells over ``n_symbols`` ids and ``n_features`` floats, and a head for
    ``targets``; parameters are passed in.

    ``block`` stands around every cell; None: nothing does. Dropout acts on every cell's output, the
    last included, never along time (Zaremba 2014), and as :mod:`rnnx.models.dropout` has it.
    Input dropout hides whole symbols: the network then has to predict from fewer of them.
    ``direction`` is that of every layer; the outputs of both directions are joined.
    ``execution`` decides whether components compute by their compiled forms.
    """

    cell: Cell
    head: Head
    n_symbols: int
    layers: int = 1
    dropout: float = 0.0
    execution: Execution = NUMPY
    input_dropout: float = 0.0
    n_features: int = 0
    targets: Targets = NEXT_SYMBOL
    block: Block | None = None
    dropout_kind: DropoutKind = DropoutKind.output
    weight_dropout: float = 0.0
    zoneout: float = 0.0
    zoneout_memory: float = 0.0
    direction: Direction = Direction.forward
    initial: InitialState = InitialState.zero

    def __post_init__(self) -> None:
        if self.weight_dropout and not isinstance(self.cell, RecurrentWeights):
            raise ConfigError(
                f"weight_dropout={self.weight_dropout}: {named('cell', self.cell)} does not say "
                "which of its parameters are recurrent weights; choose another cell, or name them "
                'in its class: recurrent_weights = ("Wh",)'
            )
        if (self.zoneout or self.zoneout_memory) and not isinstance(self.layer_cell, CheckedCell):
            raise self._no_zoneout()
        if self.zoneout_memory and len(self.layer_cell.initial_state(1, np.float32)) != 2:
            raise ConfigError(
                f"zoneout_memory={self.zoneout_memory}: {named('cell', self.cell)} has no state of "
                "h and one memory; zoneout alone is for any cell"
            )

        tied_weight(self.head, self.block, self.targets)  # refuses what cannot be tied

    def _no_zoneout(self) -> ConfigError:
        """Why zoneout does not go with the direction or the initial state, whichever it is."""
        named = "zoneout" if self.zoneout else "zoneout_memory"
        given = [(f"direction={self.direction.value}", "direction=forward")]
        given += [(f"initial_state={self.initial.value}", "initial_state=zero")]
        faults = [(key, remedy) for key, remedy in given if key != remedy]
        keys, remedies = (" and ".join(texts) for texts in zip(*faults, strict=True))
        return ConfigError(
            f"{named}={getattr(self, named)}: does not go with {keys}; choose {remedies}, or "
            f"{named}=0 with weight_dropout or dropout_kind=variational in its place"
        )

    @cached_property
    def _tied(self) -> str:
        return tied_weight(self.head, self.block, self.targets)

    @property
    def n_x(self) -> int:
        """The number of inputs of a step: symbols and features."""
        return self.n_symbols + self.n_features

    @property
    def n_y(self) -> int:
        """The number of the head's outputs: symbols, classes, values or bits."""
        return self.targets.size or self.n_symbols

    @property
    def metrics(self) -> Metrics:
        """The metrics of the head for these targets; none for the next symbol."""
        if self.targets == NEXT_SYMBOL:
            return NoMetrics()
        head: Any = self.head
        return (
            head.metrics(self.targets)
            if isinstance(head, TargetHead)
            else metrics_for(self.targets)
        )

    @cached_property
    def layer_cell(self) -> LayerCell:
        """The cell of each layer as the network runs it: in its direction, from its start."""
        cell = directed(self.cell, self.direction, self.execution)
        return LearnedStart(cell) if self.initial is InitialState.learned else cell

    @cached_property
    def stack(self) -> tuple[Layer, ...]:
        """The layers, the lowest first."""
        is_bare = self.block is None or (isinstance(self.block, BareBlock) and self.block.is_bare)
        block = None if self.block is None or is_bare else CheckedBlock(self.block)
        zoneout = self.zoneout, self.zoneout_memory
        dropout = Dropout(self.dropout, self.dropout_kind, self.weight_dropout, zoneout)
        places = [Place(k, self.layers) for k in range(self.layers)]
        has_floats = bool(self.n_features)
        return tuple(Layer(self.layer_cell, block, dropout, at, has_floats) for at in places)

    @cached_property
    def width(self) -> int:
        """d, the features of what the head reads: n_a without a block, 2·n_a both ways."""
        return self.stack[0].width

    @cached_property
    def _head(self) -> CheckedHead:
        return CheckedHead(self.head, self.execution)

    @cached_property
    def _target_head(self) -> CheckedTargetHead:
        return CheckedTargetHead(self.head, self.execution, self.targets)

    @cached_property
    def _goes_by_forward(self) -> bool:
        """Whether the targets are ids of steps: without weights every head's ``forward`` does,
        which may be compiled.
        """
        are_ids = self.targets.kind in OF_IDS and not self.targets.per_sequence
        return are_ids and hasattr(self.head, "forward")

    @property
    def head_of_steps(self) -> CheckedHead | None:
        """The head where each step has an id to predict; None where targets are others."""
        return self._head if self._goes_by_forward else None

    def on(self, execution: Execution) -> Network:
        """The same network, computed as ``execution`` says."""
        return replace(self, execution=execution)

    def init(self, rng: np.random.Generator, dtype: npt.DTypeLike) -> Parameters:
        """Fresh parameters: ``layer0`` … and ``head``, drawn in this order.

        A block has its own in ``block0`` …, each after its layer's; one that embeds has ``entry``
        before all.
        """
        tree: dict[str, Params] = {}
        for k, layer in enumerate(self.stack):
            tree |= layer.init(rng, self.width if k else self.n_x, dtype)
        head = self._head if self._goes_by_forward else self._target_head
        tree["head"] = head.init(rng, self.width, self.n_y, dtype)
        if self._tied:
            tie(tree, self._tied)
        return Parameters(tree, dtype)

    def blank(self, T: int, B: int) -> tuple[Array, Array]:
        """An input and targets of zeros, of T steps and B columns."""
        targets = self.targets
        x = np.zeros((T, self.n_x, B)) if self.n_features else np.zeros((T, B), np.intp)
        own = () if targets.are_ids else (targets.size,)
        shape = (*own, B) if targets.per_sequence else (T, *own, B)
        return x, np.zeros(shape, np.intp if targets.are_ids else np.float64)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> States:
        """The zero state of every layer: the cell's arrays, then the block's."""
        return tuple(layer.initial_state(B, dtype) for layer in self.stack)

    def forward(
        self,
        params: Parameters,
        x: Array,
        states: States,
        lengths: Array | None,
        scratch: Scratch,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, States, list[LayerCache]]:
        """(T, B) ids, or floats (T, n_x, B) → the top layer's y (T, d, B), final states, caches.

        Without a block y is the cell's h. With ``rng``, dropout masks are drawn from it; without,
        nothing is dropped.
        """
        if rng is not None and self.input_dropout > 0:
            x = hide(self.input_dropout, x, rng)
        if x.ndim == 3:
            x = x.astype(params.flat.dtype, copy=False)
        y, finals, caches = x, [], []
        for layer, state in zip(self.stack, states, strict=True):
            y, final, cache = layer.forward(params, y, state, lengths, scratch, rng)
            finals.append(final)
            caches.append(cache)
        return y, tuple(finals), caches

    def layer_values(
        self, params: Parameters, x: Array, lengths: Array | None
    ) -> Iterator[LayerValues]:
        """What each cell computes for ids x (T, B) from the zero state, without dropout."""
        states = self.initial_state(x.shape[-1], params.flat.dtype)
        _, _, caches = self.forward(params, x, states, lengths, Scratch())
        for layer, cache in zip(self.stack, caches, strict=True):
            yield LayerValues(cache.x, cache.h, layer.gates(cache))

    def gradient_by_h(self, params: Parameters, x: Array, dy: Array) -> Array:
        """The gradient by h (T, n_a, B) of the top layer's cell, for that by what the head reads.

        It goes through the block of that layer and not through time.
        """
        states, scratch = self.initial_state(x.shape[-1], params.flat.dtype), Scratch()
        _, _, caches = self.forward(params, x, states, None, scratch)
        return self.stack[-1].gradient_by_h(params, caches[-1], dy, scratch)

    def loss(
        self,
        params: Parameters,
        h: Array,
        y: Array,
        lengths: Array | None,
        scratch: Scratch,
        weights: Array | None = None,
    ) -> tuple[float, Array, Any]:
        """``loss, losses, cache`` of the top layer's h for targets y: ids (T, B), whose losses are
        nats (T, B), or as :class:`TargetHead` says.
        """
        own = scratch.child("head")
        if weights is None and self._goes_by_forward:
            return self._head.forward(self.head_params(params, own), h, y, lengths, own)
        return self._target_head.forward(params["head"], h, y, lengths, own, weights)

    def predict(
        self, params: Parameters, h: Array, lengths: Array | None, scratch: Scratch
    ) -> Prediction:
        """What the head predicts from the top layer's h, in the shapes of the targets."""
        return self._target_head.predict(params["head"], h, lengths, scratch.child("head"))

    def head_params(self, params: Parameters, scratch: Scratch) -> Params:
        """The parameters of the head, also those that it shares; ``scratch`` is the head's."""
        return head_params(params, self._tied, scratch) if self._tied else params["head"]

    def loss_gradient(
        self, params: Parameters, cache: Any, h: Array, scratch: Scratch
    ) -> tuple[Params, Array]:
        """``dparams`` of the head, and the gradient dh (T, n_a, B) of the loss."""
        own = scratch.child("head")
        if type(cache) is MeasuredCache:
            return self._target_head.backward(params["head"], cache, h, own)
        return self._head.backward(self.head_params(params, own), cache, h, own)

    def joined(self, grads: dict[str, Params], dhead: Params) -> dict[str, Params]:
        """The gradients of all parameters, from those of :meth:`backward` and of the head."""
        return joined(grads, dhead, self._tied) if self._tied else {**grads, "head": dhead}

    def backward(
        self,
        params: Parameters,
        caches: list[LayerCache],
        dh: Array,
        scratch: Scratch,
    ) -> dict[str, Params]:
        """The gradients of all parameters but the head's, the top layer first."""
        grads: dict[str, Params] = {}
        for layer, cache in zip(reversed(self.stack), reversed(caches), strict=True):
            parts, dx = layer.backward(params, cache, dh, scratch)
            grads |= parts
            dh = dx if dx is not None else dh
        return grads


def configured(
    settings: Train,
    parts: Components,
    vocabulary: Vocabulary,
    features: Sequence[Quantity] = (),
    targets: Targets = NEXT_SYMBOL,
) -> Network:
    """The network that a run's settings and components ask for, on data of this kind."""
    return Network(
        parts.cell,
        parts.head,
        len(vocabulary),
        settings.layers,
        settings.dropout,
        input_dropout=settings.input_dropout,
        n_features=len(features),
        targets=targets,
        block=parts.block,
        dropout_kind=settings.dropout_kind,
        weight_dropout=settings.weight_dropout,
        zoneout=settings.zoneout,
        zoneout_memory=settings.zoneout_memory,
        direction=settings.direction,
        initial=settings.initial_state,
    )


def restart(states: States, zeros: States, columns: Array) -> States:
    """A copy of ``states`` with the given columns from ``zeros``."""
    begun = tuple(tuple(array.copy() for array in state) for state in states)
    for state, zero in zip(begun, zeros, strict=True):
        for array, first in zip(state, zero, strict=True):
            array[..., columns] = first[..., columns]
    return begun


def quiet() -> np.errstate:
    """Values that are not finite are refused in words afterwards: NumPy need not warn as well."""
    return np.errstate(over="ignore", invalid="ignore")
