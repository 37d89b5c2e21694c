"""The update gate RNN (Collins, Sohl-Dickstein and Sussillo 2017, arXiv:1611.09913).

    g    = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)      the update gate
    n    = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)   the candidate
    h⟨t⟩ = g ⊙ h⟨t−1⟩ + (1 − g) ⊙ n

    Wx (2·n_a, n_x) · Wh (2·n_a, n_a) · b (2·n_a, 1) · state (h,)

The rows are the blocks g, n. g = 1 keeps the state, g = 0 writes the candidate. As in the authors'
code, UGRNNCell of TensorFlow's contrib, the fresh bias of g is 1; the weights begin as those of
the built-in cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.ranges import require_finite
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class UGRNN(Recurrence):
    """The smallest gated cell: one gate mixes the state with a vanilla candidate."""

    blocks: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (2,)  # g and n

    golden: ClassVar[tuple[str, ...]] = ("golden/ugrnn.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "g": GateWords("keeps h⟨t−1⟩", "writes the candidate n"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    forget_bias: float = 1.0
    """Added to the fresh bias of g; above 0 keeps the state at first."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("forget_bias", self.forget_bias)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        params = super().init(rng, n_x, dtype)
        params["b"][: self.hidden_size] += self.forget_bias
        return params

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a = self.hidden_size
        (before,), (after,), (gates,) = step
        np.matmul(params["Wh"], before, out=gates)
        np.add(gates, z, out=gates)
        g, n = sigmoid(gates[:n_a]), np.tanh(gates[n_a:], out=gates[n_a:])
        np.subtract(before, n, out=after)  # h = n + g ⊙ (h⟨t−1⟩ − n)
        np.multiply(after, g, out=after)
        np.add(after, n, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a = self.hidden_size
        (before,), _, (gates,) = step
        (dh,), g, n = dstate, gates[:n_a], gates[n_a:]
        np.multiply(dh * (before - n), g * (1 - g), out=dz[:n_a])
        np.multiply(dh * (1 - g), 1 - n * n, out=dz[n_a:])
        return (dh * g + params["Wh"].T @ dz,)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.one_phase import UGRNN, CompiledOnePhase

        return CompiledOnePhase(threads, UGRNN)

    def gates(self, cache: Cache) -> Params:
        return {"g": cache.kept[0][:, : self.hidden_size]}
