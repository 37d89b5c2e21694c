"""The first LSTM (Hochreiter and Schmidhuber 1997), which cannot forget.

    i, o = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)      the input and output gates
    g    = G(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)      the candidate
    c⟨t⟩ = c⟨t−1⟩ + i ⊙ g
    h⟨t⟩ = o ⊙ H(c⟨t⟩)

    squashing=tanh    G(a) = H(a) = tanh(a)
    squashing=paper   G(a) = 4·σ(a) − 2 = 2·tanh(a/2),  H(c) = 2·σ(c) − 1 = tanh(c/2)

    Wx (3·n_a, n_x) · Wh (3·n_a, n_a) · b (3·n_a, 1) · state (h, c)

The rows are the blocks i, o, g. i = 1 writes, o = 1 shows; the memory c only adds, and grows with
the length of a sequence. The gradients are whole: the paper's own cut what goes back into the
gates. Its experiments draw the weights from U(−0.1, 0.1) or U(−0.2, 0.2); here it is `uniform`,
U(−0.08, 0.08), and `"cell.weights.recurrent={name:uniform,scale:0.2}"` is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


class Squashing(Enum):
    """G and H."""

    tanh = "tanh"
    paper = "paper"


@dataclass(frozen=True)
class LSTM1997(Recurrence):
    """A memory that only adds: what a forget gate is for is seen by its lack."""

    blocks: ClassVar[int] = 3
    state_arrays: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (3, 1)  # i, o, tanh of g's sum; H(c)

    golden: ClassVar[tuple[str, ...]] = ("golden/lstm_1997.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("writes the candidate g to c", "writes nothing"),
        "o": GateWords("shows c in h", "hides it"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    squashing: Squashing = Squashing.tanh
    """G and H: tanh, or the paper's 4σ − 2 and 2σ − 1."""
    weights: CellWeights = CellWeights(input="uniform", recurrent="uniform")
    """The initialisers of Wx, Wh and b."""

    @property
    def _factors(self) -> tuple[float, float]:
        """(height, slope): G(a) = height·tanh(slope·a), H(c) = tanh(slope·c)."""
        return (1.0, 1.0) if self.squashing is Squashing.tanh else (2.0, 0.5)

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a, (height, slope) = self.hidden_size, self._factors
        (h_before, c_before), (h, c), (gates, shown) = step
        i, o, g = np.split(gates, 3)
        np.matmul(params["Wh"], h_before, out=gates)
        np.add(gates, z, out=gates)
        sigmoid(gates[: 2 * n_a])
        g *= slope
        np.tanh(g, out=g)
        np.multiply(i, g, out=c)
        c *= height
        np.add(c, c_before, out=c)
        np.multiply(c, slope, out=shown)
        np.multiply(o, np.tanh(shown, out=shown), out=h)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        height, slope = self._factors
        i, o, g = np.split(step.kept[0], 3)
        di, do, dg = np.split(dz, 3)
        (dh, dc), shown = dstate, step.kept[1]
        dc = dc + dh * o * (slope * (1 - shown * shown))
        np.multiply(dc * (height * g), i * (1 - i), out=di)
        np.multiply(dh * shown, o * (1 - o), out=do)
        np.multiply(dc * i, height * slope * (1 - g * g), out=dg)
        return params["Wh"].T @ dz, dc

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.one_phase import LSTM_1997, CompiledOnePhase

        return CompiledOnePhase(threads, LSTM_1997, self._factors)

    def gates(self, cache: Cache) -> Params:
        i, o, _ = np.split(cache.kept[0], 3, axis=1)
        return {"i": i, "o": o}
