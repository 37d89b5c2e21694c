"""The two blocks of xLSTM (Beck et al. 2024), as NX-AI/xlstm has them.

projection=post, sLSTM's: the cell at the stream's width, then a wider gated part.

    v = norm(x),   c = SiLU(conv(v))
    u⟨t⟩ = x⟨t⟩ + group_norm(h⟨t⟩),   h = cell([c; v])
    y⟨t⟩ = u⟨t⟩ + Wd·(GELU(Wg·norm(u⟨t⟩)) ⊙ Wu·norm(u⟨t⟩))

projection=pre, mLSTM's: the cell between a projection up and one down.

    a = Wa·norm(x),   z = Wz·norm(x),   c = SiLU(conv(a))
    y⟨t⟩ = x⟨t⟩ + Wo·((group_norm(h⟨t⟩) + s ⊙ c⟨t⟩) ⊙ SiLU(z⟨t⟩)),   h = cell([c; a])

    g, g2 (d, 1), gh (n_a, 1) gains of layer norms, the last by head · K (n, kernel), bK (n, 1),
    n = d or n_a · Wg, Wu (m, d), Wd (d, m), m = expansion · d · Wa, Wz (n_a, d), s (n_a, 1),
    Wo (d, n_a) · gy (d, 1), the last layer's: y is normalised before the head reads it
    state ((kernel − 1)·n, B): the convolution's last inputs

The published cells take some of their inputs from c and some from v (a): sLSTM its gates i and f,
mLSTM q and k. A cell here gets both, one above the other, and its Wx chooses. Weights begin
N(0, 2/(5·d)), Wd and Wo N(0, (2/(layers·√d))²), K and bK U(±1/√kernel). The published widths are
rounded up to multiples of 64; here they are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params, State
from rnnx.contracts import Inner, Place
from rnnx.contracts.ranges import require
from rnnx.errors import ConfigError
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
from rnnx_builtin.numerics.activation import gelu, silu
from rnnx_builtin.numerics.tape import Node, Tape


class Projection(Enum):
    """Where the block is wider than the stream: after the cell or around it."""

    post = "post"
    pre = "pre"


@taped
@dataclass(frozen=True)
class XLSTMBlock:
    """xLSTM's blocks: sLSTM's with projection=post, mLSTM's with projection=pre."""

    projection: Projection = Projection.post
    """post: the cell, then a gated part; pre: the cell between two projections."""
    width: int = 0
    """d, the features of the residual stream; 0: the cell's hidden_size, with projection=pre half
    of it. 0 … 65,536; with projection=post it is 0 or hidden_size."""
    heads: int = 4
    """The groups of units that are normalised together, at least 1; they divide hidden_size."""
    kernel: int = 4
    """K, the steps that the convolution sees, its own among them. 1 … 64."""
    expansion: float = 1.3
    """m / d, how much wider the gated part of projection=post is. Above 0, at most 64."""

    def __post_init__(self) -> None:
        require_width(self.width)
        require(self.heads >= 1, "heads", "at least 1", self.heads)
        require(1 <= self.kernel <= 64, "kernel", "1 to 64", self.kernel)
        require_expansion(self.expansion)

    @property
    def _is_pre(self) -> bool:
        return self.projection is Projection.pre

    def features(self, n_a: int) -> int:
        return self.width or (max(1, n_a // 2) if self._is_pre else n_a)

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return 2 * (n_a if self._is_pre else n_x)

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        return conv_state(n_a if self._is_pre else self.features(n_a), self.kernel, B, dtype)

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        self._refuse_other_sizes(n_x, n_a)
        draws, d, n = Draws(rng, dtype), n_x, n_a if self._is_pre else n_x
        small, last, K = math.sqrt(2 / (5 * d)), 2 / (place.layers * math.sqrt(d)), self.kernel
        params = {"g": draws.ones(d), "gh": draws.ones(n_a)}
        params |= {"K": draws.uniform(n, K, K), "bK": draws.uniform(n, 1, K)}
        if self._is_pre:
            params |= {"Wa": draws.normal(n, d, small), "Wz": draws.normal(n, d, small)}
            params |= {"s": draws.ones(n), "Wo": draws.normal(d, n, last)}
            return params | last_gain(draws, d, place)
        m = expanded(d, self.expansion)
        params |= {"g2": draws.ones(d), "Wg": draws.normal(m, d, small)}
        params |= {"Wu": draws.normal(m, d, small), "Wd": draws.normal(d, m, last)}
        return params | last_gain(draws, d, place)

    def _refuse_other_sizes(self, d: int, n_a: int) -> None:
        if n_a % self.heads:
            raise ConfigError(f"block.heads={self.heads}: must divide cell.hidden_size={n_a}")
        if d != n_a and not self._is_pre:
            raise ConfigError(
                f"block.width={d}: must be cell.hidden_size={n_a} with block.projection=post"
            )

    def run(self, tape: Tape, x: Node, state: State, cell: Inner) -> tuple[Node, State]:
        """``y, final state``."""
        seen = tape.norm(x, "g", centred=True)
        way = self._pre if self._is_pre else self._post
        y, final = way(tape, x, seen, state, cell)
        return last_norm(tape, y, Norm.layer), final

    def _post(self, tape: Tape, x: Node, v: Node, state: State, cell: Inner) -> tuple[Node, State]:
        c, final = self._convolved(tape, v, state)
        h = tape.cell(tape.join(c, v), cell)
        u = tape.add(x, tape.norm(h, "gh", centred=True, groups=self.heads))
        w = tape.norm(u, "g2", centred=True)
        return tape.add(u, gated_feed_forward(tape, w, gelu)), final

    def _pre(self, tape: Tape, x: Node, v: Node, state: State, cell: Inner) -> tuple[Node, State]:
        a, z = tape.linear(v, "Wa"), tape.linear(v, "Wz")
        c, final = self._convolved(tape, a, state)
        h = tape.norm(tape.cell(tape.join(c, a), cell), "gh", centred=True, groups=self.heads)
        both = tape.multiply(tape.add(h, tape.scale(c, "s")), tape.activate(z, silu))
        return tape.add(x, tape.linear(both, "Wo")), final

    def _convolved(self, tape: Tape, x: Node, state: State) -> tuple[Node, State]:
        seen, final = tape.convolve(x, "K", "bK", state)
        return tape.activate(seen, silu), final
