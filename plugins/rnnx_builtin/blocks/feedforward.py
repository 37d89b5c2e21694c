"""A pre-norm cell, then a gated feed-forward part with a norm and a residual of its own.

    u⟨t⟩ = x⟨t⟩ + Wo·h⟨t⟩,   h = cell(norm(x))
    y⟨t⟩ = u⟨t⟩ + Wd·(f(Wg·norm(u⟨t⟩)) ⊙ Wu·norm(u⟨t⟩)),   f = GELU or SiLU

    g, g2 (d, 1) gains · Wg, Wu (m, d) · Wd (d, m), m = expansion · d · Wo (d, n_a), only where d is
    not n_a · gy (d, 1), the last layer's: y is normalised before the head reads it

The gated form is Shazeer's (2020): GEGLU with GELU, SwiGLU with SiLU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params, State
from rnnx.contracts import Inner, Place
from rnnx_builtin.blocks.taped import (
    Curve,
    Draws,
    Norm,
    add_cell,
    gated_feed_forward,
    gated_weights,
    last_gain,
    last_norm,
    out_of,
    require_expansion,
    require_width,
    taped,
)
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class FeedForward:
    """A pre-norm cell, then a gated feed-forward part."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""
    norm: Norm = Norm.rms
    """rms: by the root of the mean square; layer: by mean and standard deviation."""
    expansion: float = 2.0
    """m / d, how much wider the gated part is. Above 0, at most 64."""
    activation: Curve = Curve.gelu
    """f of the gate: gelu or silu."""

    def __post_init__(self) -> None:
        require_width(self.width)
        require_expansion(self.expansion)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        draws = Draws(rng, dtype)
        params = {"g": draws.ones(n_x)} | out_of(draws, n_x, n_a)
        params |= gated_weights(draws, n_x, self.expansion)
        return params | last_gain(draws, n_x, place)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        centred, f = self.norm.centred, self.activation.function
        u = add_cell(tape, x, tape.norm(x, "g", centred), cell)
        y = tape.add(u, gated_feed_forward(tape, tape.norm(u, "g2", centred), f))
        return last_norm(tape, y, self.norm), ()
