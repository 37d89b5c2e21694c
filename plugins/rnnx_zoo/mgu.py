"""The minimal gated unit (Zhou et al. 2016, arXiv:1603.09420): a GRU with one gate in two places.

    f    = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)          the gate
    n    = tanh(Wx·x⟨t⟩ + Wh·(f ⊙ h⟨t−1⟩) + b)  the candidate
    h⟨t⟩ = (1 − f) ⊙ h⟨t−1⟩ + f ⊙ n

    Wx (2·n_a, n_x) · Wh (2·n_a, n_a) · b (2·n_a, 1) · state (h,)

The rows are the blocks f, n. f = 1 writes the candidate, f = 0 keeps the state: equation 11 of the
paper, which calls it the forget gate. (MGUCell of Flax has it the other way round, and resets after
the product.) The paper names no initialisation; this is that of the built-in cells.
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
class MGU(Recurrence):
    """Two thirds of a GRU: f both hides the state from the candidate and lets the candidate in."""

    blocks: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (2, 1)  # f and n; f ⊙ h⟨t−1⟩

    golden: ClassVar[tuple[str, ...]] = ("golden/mgu.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "f": GateWords(
            "writes the candidate n",
            "keeps h⟨t−1⟩, and hides it from n",
            "h⟨t⟩ = (1 − f) ⊙ h⟨t−1⟩ + f ⊙ n, as Zhou et al. 2016 and torchrecurrent",
            "h⟨t⟩ = f ⊙ h⟨t−1⟩ + (1 − f) ⊙ n, as MGUCell of Flax, where f still shows h⟨t−1⟩ to n",
        ),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b."""

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a, Wh = self.hidden_size, params["Wh"]
        (before,), (after,), (gates, hidden) = step
        f, n = gates[:n_a], gates[n_a:]
        np.matmul(Wh[:n_a], before, out=f)
        sigmoid(np.add(f, z[:n_a], out=f))
        np.multiply(f, before, out=hidden)
        np.matmul(Wh[n_a:], hidden, out=n)
        np.tanh(np.add(n, z[n_a:], out=n), out=n)
        np.subtract(n, before, out=after)  # h = h⟨t−1⟩ + f ⊙ (n − h⟨t−1⟩)
        np.multiply(after, f, out=after)
        np.add(after, before, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a, Wh = self.hidden_size, params["Wh"]
        (before,), _, (gates, _) = step
        (dh,), f, n = dstate, gates[:n_a], gates[n_a:]
        df, dn = dz[:n_a], dz[n_a:]
        np.multiply(dh * f, 1 - n * n, out=dn)
        d_hidden = Wh[n_a:].T @ dn
        np.multiply(dh * (n - before) + d_hidden * before, f * (1 - f), out=df)
        return (dh * (1 - f) + d_hidden * f + Wh[:n_a].T @ df,)

    def recurrent_inputs(self, cache: Cache) -> list[tuple[int, Array]]:
        return [(1, cache.states[0][:-1]), (1, cache.kept[1])]

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels import mgu_loops
        from rnnx_zoo.kernels.gated import CompiledGated

        return CompiledGated(threads, mgu_loops)

    def gates(self, cache: Cache) -> Params:
        return {"f": cache.kept[0][:, : self.hidden_size]}
