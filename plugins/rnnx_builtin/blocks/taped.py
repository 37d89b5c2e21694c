"""A block from its forward pass alone, written on a tape; and how its parameters begin."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts import Inner, Place
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx_builtin.numerics.activation import Activation, gelu, silu
from rnnx_builtin.numerics.tape import Node, Tape

C = TypeVar("C")
WIDEST = 2**16  # features of a residual stream
MOST_EXPANSION = 64


class Norm(Enum):
    """rms: by the root of the mean square; layer: by mean and standard deviation."""

    rms = "rms"
    layer = "layer"

    @property
    def centred(self) -> bool:
        return self is Norm.layer


class Curve(Enum):
    """The activation of a feed-forward part."""

    gelu = "gelu"
    silu = "silu"

    @property
    def function(self) -> Activation:
        return gelu if self is Curve.gelu else silu


class Cache(NamedTuple):
    tape: Tape
    x: Node
    y: Node


def taped(cls: type[C]) -> type[C]:
    """Give a dataclass with ``run(tape, x, state, cell) → y, final state`` a block's two passes.

    It embeds; ``initial_state`` may be left out where the block has no state.
    """
    for method in (forward, backward):
        setattr(cls, method.__name__, method)
    if not hasattr(cls, "initial_state"):
        cls.initial_state = no_state  # type: ignore[attr-defined]
    cls.embeds = True  # type: ignore[attr-defined]
    return cls


def forward(
    self: Any,
    params: Params,
    x: Array,
    state: State,
    lengths: Array | None,
    cell: Inner,
    scratch: Scratch,
) -> tuple[Array, State, Cache]:
    """``Block.forward``, by ``self.run``."""
    tape, start = Tape(params, lengths), Node(x)
    y, final = self.run(tape, start, state, cell)
    return y.value, final, Cache(tape, start, y)


def backward(
    self: Any, params: Params, cache: Cache, dy: Array, cell: Inner, scratch: Scratch
) -> tuple[Params, Array]:
    """``Block.backward``: the tape read in the opposite order."""
    return cache.tape.back(cache.x, cache.y, dy, cell)


def no_state(self: Any, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
    """``Block.initial_state`` of a block that remembers nothing."""
    return ()


def conv_state(n: int, kernel: int, B: int, dtype: npt.DTypeLike) -> State:
    """The zero state of a causal convolution over n features; () where there is none."""
    return (np.zeros(((kernel - 1) * n, B), dtype),) if kernel > 1 else ()


class Draws:
    """Fresh parameters of one dtype from one generator; float64 draws, then rounded."""

    def __init__(self, rng: np.random.Generator, dtype: npt.DTypeLike) -> None:
        self._rng, self._dtype = rng, dtype

    def normal(self, n_out: int, n_in: int, scale: float | None = None) -> Array:
        """(n_out, n_in) of N(0, scale²); by default of variance 1 / n_in (LeCun et al. 1998)."""
        std = 1 / math.sqrt(n_in) if scale is None else scale
        return (self._rng.standard_normal((n_out, n_in)) * std).astype(self._dtype)

    def uniform(self, n_out: int, n_in: int, fan_in: int) -> Array:
        """(n_out, n_in) of U(±1/√fan_in), PyTorch's default."""
        most = 1 / math.sqrt(fan_in)
        return self._rng.uniform(-most, most, (n_out, n_in)).astype(self._dtype)

    def ones(self, n: int) -> Array:
        """A gain (n, 1)."""
        return np.ones((n, 1), self._dtype)

    def zeros(self, n: int) -> Array:
        """A bias (n, 1)."""
        return np.zeros((n, 1), self._dtype)


def out_of(draws: Draws, d: int, n_a: int) -> Params:
    """Wo, which takes h to the residual stream, where the two have different widths."""
    return {} if d == n_a else {"Wo": draws.normal(d, n_a)}


def add_cell(tape: Tape, x: Node, seen: Node, cell: Inner) -> Node:
    """x + Wo·cell(seen)."""
    h = tape.cell(seen, cell)
    return tape.add(x, tape.linear(h, "Wo") if tape.has("Wo") else h)


def last_gain(draws: Draws, d: int, place: Place) -> Params:
    """The gain of the norm behind the last layer."""
    return {"gy": draws.ones(d)} if place.is_last else {}


def last_norm(tape: Tape, y: Node, norm: Norm) -> Node:
    """y, normalised behind the last layer: a residual stream grows from layer to layer."""
    return tape.norm(y, "gy", norm.centred) if tape.has("gy") else y


def expanded(d: int, expansion: float) -> int:
    """m, the features of a feed-forward part."""
    return max(1, round(expansion * d))


def require_width(width: int) -> None:
    """ConfigError unless a residual stream may have this width; 0: the block's own."""
    require(0 <= width <= WIDEST, "width", f"0 to {WIDEST:,}", width)


def require_expansion(expansion: float) -> None:
    """ConfigError unless a feed-forward part of this expansion is of a sensible size."""
    holds = 0 < expansion <= MOST_EXPANSION
    require(holds, "expansion", f"above 0 and at most {MOST_EXPANSION}", expansion)


def gated_weights(draws: Draws, d: int, expansion: float) -> Params:
    """The norm's gain g2, and Wg, Wu and Wd of a gated feed-forward part."""
    m = expanded(d, expansion)
    weights = {"Wg": draws.normal(m, d), "Wu": draws.normal(m, d), "Wd": draws.normal(d, m)}
    return {"g2": draws.ones(d)} | weights


def gated_feed_forward(tape: Tape, w: Node, f: Activation, biases: bool = False) -> Node:
    """Wd·(f(Wg·w + bg) ⊙ (Wu·w + bu)) + bd, with biases or without."""
    bg, bu, bd = ("bg", "bu", "bd") if biases else ("", "", "")
    gate = tape.activate(tape.linear(w, "Wg", bg), f)
    return tape.linear(tape.multiply(gate, tape.linear(w, "Wu", bu)), "Wd", bd)
