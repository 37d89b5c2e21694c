"""A residual around the cell (He et al. 2016).

    y⟨t⟩ = x⟨t⟩ + Wo·h⟨t⟩,   h = cell(x)

    Wo (d, n_a), only where d is not n_a

The sum needs both at one width, so the lowest layer's input is brought to d features first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params, State
from rnnx.contracts import Inner, Place
from rnnx_builtin.blocks.taped import Draws, add_cell, out_of, require_width, taped
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class Residual:
    """The cell's output added to its input."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""

    def __post_init__(self) -> None:
        require_width(self.width)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        return out_of(Draws(rng, dtype), n_x, n_a)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        return add_cell(tape, x, x, cell), ()
