"""A pre-norm cell that sees the last few steps through a short causal convolution.

    y⟨t⟩ = x⟨t⟩ + Wo·h⟨t⟩,   h = cell(SiLU(conv(norm(x))))
    conv(v)⟨t⟩ = Σ_k K[:, k] ⊙ v⟨t − (kernel − 1) + k⟩ + bK,   k = 0 … kernel − 1

    g (d, 1) a gain · K (d, kernel), bK (d, 1) · Wo (d, n_a), only where d is not n_a
    gy (d, 1), the last layer's: y is normalised before the head reads it
    state ((kernel − 1)·d, B): the convolution's last inputs

Each feature is convolved by itself (depthwise); nothing of the future is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params, State
from rnnx.contracts import Inner, Place
from rnnx.contracts.ranges import require
from rnnx_builtin.blocks.taped import (
    Draws,
    Norm,
    add_cell,
    conv_state,
    last_gain,
    last_norm,
    out_of,
    require_width,
    taped,
)
from rnnx_builtin.numerics.activation import silu
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class Convolution:
    """A pre-norm cell behind a short causal convolution."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""
    norm: Norm = Norm.rms
    """rms: by the root of the mean square; layer: by mean and standard deviation."""
    kernel: int = 4
    """K, the steps that a convolution sees, its own among them. 1 … 64."""

    def __post_init__(self) -> None:
        require_width(self.width)
        require(1 <= self.kernel <= 64, "kernel", "1 to 64", self.kernel)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        return conv_state(self.features(n_a), self.kernel, B, dtype)

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        draws = Draws(rng, dtype)
        params = {"g": draws.ones(n_x), "K": draws.uniform(n_x, self.kernel, self.kernel)}
        params |= {"bK": draws.zeros(n_x)} | out_of(draws, n_x, n_a)
        return params | last_gain(draws, n_x, place)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        seen, final = tape.convolve(tape.norm(x, "g", self.norm.centred), "K", "bK", state)
        y = add_cell(tape, x, tape.activate(seen, silu), cell)
        return last_norm(tape, y, self.norm), final
