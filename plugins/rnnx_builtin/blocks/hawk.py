"""The block of Hawk and Griffin (De et al. 2024), as google-deepmind/recurrentgemma has it.

    v = norm(x)
    u⟨t⟩ = x⟨t⟩ + Wo·(h⟨t⟩ ⊙ GELU(Wy·v⟨t⟩ + by)) + bo,   h = cell(conv(Wx·v + bx))
    w = norm(u)
    y⟨t⟩ = u⟨t⟩ + Wd·(GELU(Wg·w⟨t⟩ + bg) ⊙ (Wu·w⟨t⟩ + bu)) + bd

    g, g2 (d, 1) gains of RMS norms · Wx, Wy (n_a, d), bx, by (n_a, 1) · K (n_a, kernel)
    bK (n_a, 1) · Wo (d, n_a), bo (d, 1) · Wg, Wu (m, d), bg, bu (m, 1), Wd (d, m), bd (d, 1)
    m = expansion · d
    gy (d, 1), the last layer's: y is normalised before the head reads it
    state ((kernel − 1)·n_a, B): the convolution's last inputs

Weights begin N(0, 1/n_in), K N(0, 0.01/kernel), Wo and Wd N(0, 2/(layers · n_in)), biases 0.
GELU is its form by tanh. The cell's hidden_size is the published width of the recurrence.
"""

from __future__ import annotations

import math
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
    gated_feed_forward,
    last_gain,
    last_norm,
    require_expansion,
    require_width,
    taped,
)
from rnnx_builtin.numerics.activation import gelu_by_tanh
from rnnx_builtin.numerics.tape import Node, Tape


@taped
@dataclass(frozen=True)
class HawkBlock:
    """Hawk's block: a cell behind a convolution, times a GELU branch; then a gated part."""

    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size. 0 … 65,536."""
    kernel: int = 4
    """K, the steps that a convolution sees, its own among them. 1 … 64."""
    expansion: float = 3.0
    """m / d, how much wider the gated part is. Above 0, at most 64."""

    def __post_init__(self) -> None:
        require_width(self.width)
        require(1 <= self.kernel <= 64, "kernel", "1 to 64", self.kernel)
        require_expansion(self.expansion)

    def features(self, n_a: int) -> int:
        return self.width or n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_a

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        return conv_state(n_a, self.kernel, B, dtype)

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        draws, d, m = Draws(rng, dtype), n_x, expanded(n_x, self.expansion)
        last = math.sqrt(2 / place.layers)
        params = {"g": draws.ones(d), "g2": draws.ones(d)}
        params |= {"Wx": draws.normal(n_a, d), "bx": draws.zeros(n_a)}
        params |= {"Wy": draws.normal(n_a, d), "by": draws.zeros(n_a)}
        params |= {"K": draws.normal(n_a, self.kernel, 0.1 / math.sqrt(self.kernel))}
        params |= {"bK": draws.zeros(n_a)}
        params |= {"Wo": draws.normal(d, n_a, last / math.sqrt(n_a)), "bo": draws.zeros(d)}
        params |= {"Wg": draws.normal(m, d), "bg": draws.zeros(m)}
        params |= {"Wu": draws.normal(m, d), "bu": draws.zeros(m)}
        params |= {"Wd": draws.normal(d, m, last / math.sqrt(m)), "bd": draws.zeros(d)}
        return params | last_gain(draws, d, place)

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        v = tape.norm(x, "g", centred=False)
        beside = tape.activate(tape.linear(v, "Wy", "by"), gelu_by_tanh)
        seen, final = tape.convolve(tape.linear(v, "Wx", "bx"), "K", "bK", state)
        both = tape.multiply(tape.cell(seen, cell), beside)
        u = tape.add(x, tape.linear(both, "Wo", "bo"))
        w = tape.norm(u, "g2", centred=False)
        y = tape.add(u, gated_feed_forward(tape, w, gelu_by_tanh, biases=True))
        return last_norm(tape, y, Norm.rms), final
