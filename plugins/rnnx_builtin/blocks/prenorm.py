"""A norm before the cell, and a residual around both (pre-norm).

    y⟨t⟩ = x⟨t⟩ + Wo·h⟨t⟩,   h = cell(norm(x))

    g (d, 1) the norm's gain · Wo (d, n_a), only where d is not n_a
    gy (d, 1), in the last layer alone: y is normalised before the head reads it

The residual stream itself is never normalised between layers, so gradients reach every layer
unscaled (Xiong et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params, State
from rnnx.contracts import Inner, Place
from rnnx_builtin.blocks.taped import (
    Draws,
    Norm,
    add_cell,
    last_gain,
    last_norm,
    out_of,
    require_width,
    taped,
)
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class PreNorm:
    """A norm before the cell and a residual around both."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""
    norm: Norm = Norm.rms
    """rms: by the root of the mean square; layer: by mean and standard deviation."""

    def __post_init__(self) -> None:
        require_width(self.width)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        draws = Draws(rng, dtype)
        return {"g": draws.ones(n_x)} | out_of(draws, n_x, n_a) | last_gain(draws, n_x, place)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        y = add_cell(tape, x, tape.norm(x, "g", self.norm.centred), cell)
        return last_norm(tape, y, self.norm), ()
