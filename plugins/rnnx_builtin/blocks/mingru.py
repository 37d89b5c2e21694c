"""The block of minGRU and minLSTM (Feng et al. 2024), as BorealisAI/minRNNs has it.

    v⟨t⟩ = x⟨t⟩ + Wc·conv(x)⟨t⟩ + bc              left out with kernel=0
    u⟨t⟩ = v⟨t⟩ + Wo·h⟨t⟩ + bo,   h = cell(norm(v))
    y⟨t⟩ = u⟨t⟩ + W2·GELU(W1·norm(u⟨t⟩) + b1) + b2

    g, g2 (d, 1) gains of RMS norms · K (d, kernel), bK (d, 1), Wc (d, d), bc (d, 1)
    Wo (d, n_a), bo (d, 1) · W1 (m, d), b1 (m, 1), W2 (d, m), b2 (d, 1), m = expansion · d
    gy (d, 1), the last layer's: y is normalised before the head reads it
    state ((kernel − 1)·d, B): the convolution's last inputs

Weights and biases begin U(±1/√n_in), PyTorch's default, which that code uses. The cell's
hidden_size is its inner width: hidden_size / width is the paper's expansion factor.
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
    conv_state,
    expanded,
    last_gain,
    last_norm,
    require_expansion,
    require_width,
    taped,
)
from rnnx_builtin.numerics.activation import gelu
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class MinGRUBlock:
    """minGRU's block: convolution, pre-norm cell, feed-forward, each with a residual."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""
    kernel: int = 3
    """K, the steps that the convolution sees; 0: there is none. 0 … 64."""
    expansion: float = 4.0
    """m / d, how much wider the feed-forward part is. Above 0, at most 64."""

    def __post_init__(self) -> None:
        require_width(self.width)
        require(0 <= self.kernel <= 64, "kernel", "0 to 64", self.kernel)
        require_expansion(self.expansion)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        return conv_state(self.features(n_a), self.kernel, B, dtype)

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        draws, d, m = Draws(rng, dtype), n_x, expanded(n_x, self.expansion)
        params: Params = {"g": draws.ones(d), "g2": draws.ones(d)}
        if K := self.kernel:
            params |= {"K": draws.uniform(d, K, K), "bK": draws.uniform(d, 1, K)}
            params |= {"Wc": draws.uniform(d, d, d), "bc": draws.uniform(d, 1, d)}
        params |= {"Wo": draws.uniform(d, n_a, n_a), "bo": draws.uniform(d, 1, n_a)}
        params |= {"W1": draws.uniform(m, d, d), "b1": draws.uniform(m, 1, d)}
        params |= {"W2": draws.uniform(d, m, m), "b2": draws.uniform(d, 1, m)}
        return params | last_gain(draws, d, place)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        final: State = ()
        if self.kernel:
            seen, final = tape.convolve(x, "K", "bK", state)
            x = tape.add(x, tape.linear(seen, "Wc", "bc"))
        h = tape.cell(tape.norm(x, "g", centred=False), cell)
        u = tape.add(x, tape.linear(h, "Wo", "bo"))
        wide = tape.linear(tape.norm(u, "g2", centred=False), "W1", "b1")
        y = tape.add(u, tape.linear(tape.activate(wide, gelu), "W2", "b2"))
        return last_norm(tape, y, Norm.rms), final
