"""JANET, "just another network" (van der Westhuizen and Lasenby 2018, arXiv:1804.04849).

    s    = Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b
    f    = σ(s)                             the forget gate
    i    = 1 − σ(s − β) = σ(β − s)          the input gate, tied to f
    n    = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)    the candidate
    h⟨t⟩ = f ⊙ h⟨t−1⟩ + i ⊙ n

    Wx (2·n_a, n_x) · Wh (2·n_a, n_a) · b (2·n_a, 1) · state (h,)

The rows are the blocks s, n. f = 1 keeps the state, i = 1 writes the candidate; with β > 0 both may
be nearly 1. The bias of s begins as log U(1, horizon − 1), the chrono initialisation of Tallec and
Ollivier (2018), so that the units forget at rates spread over the horizon; that of n is 0, and the
weights begin as those of the built-in cells. The authors' code, JosvanderWesthuizen/janet, has
β = 1 and draws log U(1, horizon).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.ranges import require, require_finite
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class JANET(Recurrence):
    """An LSTM of the forget gate alone, which begins with a memory as long as it is told."""

    blocks: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (3,)  # f, n, i

    golden: ClassVar[tuple[str, ...]] = ("golden/janet.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "f": GateWords("keeps h⟨t−1⟩", "forgets it"),
        "i": GateWords("writes the candidate n", "writes nothing"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    beta: float = 1.0
    """β, how much more is written than is forgotten."""
    horizon: int = 40
    """The longest lag in steps that the fresh cell is to remember, at least 2."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b; the chrono bias is added to that of s."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("beta", self.beta)
        require(self.horizon >= 2, "horizon", "at least 2", self.horizon)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        params, n_a = super().init(rng, n_x, dtype), self.hidden_size
        chrono = np.log(rng.uniform(1, self.horizon - 1, (n_a, 1)))
        params["b"][:n_a] += chrono.astype(dtype)
        return params

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a = self.hidden_size
        (before,), (after,), (gates,) = step
        f, n, i = gates[:n_a], gates[n_a : 2 * n_a], gates[2 * n_a :]
        sums = np.matmul(params["Wh"], before, out=gates[: 2 * n_a])
        np.add(sums, z, out=sums)
        sigmoid(np.subtract(self.beta, f, out=i))
        sigmoid(f)
        np.tanh(n, out=n)
        np.multiply(f, before, out=after)
        np.add(after, i * n, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a = self.hidden_size
        (before,), _, (gates,) = step
        (dh,), f, n, i = dstate, gates[:n_a], gates[n_a : 2 * n_a], gates[2 * n_a :]
        np.multiply(dh, before * f * (1 - f) - n * i * (1 - i), out=dz[:n_a])
        np.multiply(dh * i, 1 - n * n, out=dz[n_a:])
        return (dh * f + params["Wh"].T @ dz,)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.one_phase import JANET, CompiledOnePhase

        return CompiledOnePhase(threads, JANET, (self.beta,))

    def gates(self, cache: Cache) -> Params:
        f, _, i = np.split(cache.kept[0], 3, axis=1)
        return {"f": f, "i": i}
