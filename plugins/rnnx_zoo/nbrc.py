"""The neuromodulated bistable recurrent cell (Vecoven, Ernst and Drion 2021, arXiv:2006.05252).

    a    = 1 + tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)   the feedback of a unit on itself, 0 … 2
    c    = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)          the update gate
    n    = tanh(Wx·x⟨t⟩ + a ⊙ h⟨t−1⟩ + b)      the candidate
    h⟨t⟩ = c ⊙ h⟨t−1⟩ + (1 − c) ⊙ n

    Wx (3·n_a, n_x) · Wh (2·n_a, n_a) · b (3·n_a, 1) · state (h,)

The rows are the blocks a, c, n; n has no recurrent matrix. c = 1 keeps the state, c = 0 writes the
candidate. Where a > 1 a unit has two stable states and holds one of them without end, as a switch
does. The initialisation is that of the authors' code, nvecoven/BRC: Glorot, orthogonal, zeros. They
have no bias of n; ours begins at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class NBRC(Recurrence):
    """Units that latch: for a few symbols that matter very long ago."""

    blocks: ClassVar[int] = 3
    recurrent_blocks: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (3,)  # a, c, n

    golden: ClassVar[tuple[str, ...]] = ("golden/nbrc.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "a": GateWords("latches h⟨t−1⟩ in the candidate, a = 2", "hides it from the candidate"),
        "c": GateWords("keeps h⟨t−1⟩", "writes the candidate n"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b."""

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a = self.hidden_size
        (before,), (after,), (gates,) = step
        a, c, n = gates[:n_a], gates[n_a : 2 * n_a], gates[2 * n_a :]
        sums = np.matmul(params["Wh"], before, out=gates[: 2 * n_a])
        np.add(sums, z[: 2 * n_a], out=sums)
        np.add(np.tanh(a, out=a), 1, out=a)
        sigmoid(c)
        np.multiply(a, before, out=n)
        np.tanh(np.add(n, z[2 * n_a :], out=n), out=n)
        np.subtract(before, n, out=after)  # h = n + c ⊙ (h⟨t−1⟩ − n)
        np.multiply(after, c, out=after)
        np.add(after, n, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a = self.hidden_size
        (before,), _, (gates,) = step
        (dh,), a, c, n = dstate, gates[:n_a], gates[n_a : 2 * n_a], gates[2 * n_a :]
        dn = np.multiply(dh * (1 - c), 1 - n * n, out=dz[2 * n_a :])
        np.multiply(dh * (before - n), c * (1 - c), out=dz[n_a : 2 * n_a])
        np.multiply(dn * before, a * (2 - a), out=dz[:n_a])  # 1 − tanh² = a·(2 − a)
        return (dh * c + dn * a + params["Wh"].T @ dz[: 2 * n_a],)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.one_phase import NBRC, CompiledOnePhase

        return CompiledOnePhase(threads, NBRC)

    def gates(self, cache: Cache) -> Params:
        a, c, _ = np.split(cache.kept[0], 3, axis=1)
        return {"a": 0.5 * a, "c": c}  # a / 2, of the range of a gate
