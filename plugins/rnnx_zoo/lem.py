"""Long expressive memory (Rusch et al. 2022, arXiv:2110.04744): two memories, each at its own pace.

    d, s = dt·σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)          the time steps of h and of z
    n    = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)          the candidate of z
    z⟨t⟩ = (1 − s) ⊙ z⟨t−1⟩ + s ⊙ n
    m    = tanh(Wx·x⟨t⟩ + Wh·z⟨t⟩ + b)            the candidate of h sees the new z
    h⟨t⟩ = (1 − d) ⊙ h⟨t−1⟩ + d ⊙ m

    Wx (4·n_a, n_x) · Wh (4·n_a, n_a) · b (4·n_a, 1) · state (h, z)

The rows are the blocks d, s, n, m. d and s write: at dt a memory is replaced, at 0 it stays. The
paper calls h y, d Δ̄t and s Δt; its rows of the input stand in this order with n and m exchanged in
the authors' code, tk-rusch/LEM. torchrecurrent 0.2.5 computes m from the old z, which is not LEM.
All weights and biases begin U(±1/√n_a), as the authors'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class LEM(Recurrence):
    """Fast and slow memories side by side: for signals of several time scales, long sequences."""

    blocks: ClassVar[int] = 4
    state_arrays: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (4,)  # d / dt, s / dt, n, m

    golden: ClassVar[tuple[str, ...]] = ("golden/lem.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "d": GateWords("writes the candidate m to h, a share of dt", "keeps h⟨t−1⟩"),
        "s": GateWords("writes the candidate n to z, a share of dt", "keeps z⟨t−1⟩"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    dt: float = 1.0
    """The longest time step, above 0 and at most 1; the authors tune it (0.024 for adding)."""
    weights: CellWeights = CellWeights("uniform_out", "uniform_out", "uniform_out")
    """The initialisers of Wx, Wh and b."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.dt <= 1, "dt", "above 0 and at most 1", self.dt)

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a, Wh = self.hidden_size, params["Wh"]
        (h_before, z_before), (h_after, z_after), (gates,) = step
        d, s, n, m = np.split(gates, 4)
        sums = np.matmul(Wh[: 3 * n_a], h_before, out=gates[: 3 * n_a])
        np.add(sums, z[: 3 * n_a], out=sums)
        sigmoid(gates[: 2 * n_a])
        self._move(z_before, np.tanh(n, out=n), s, z_after)
        np.matmul(Wh[3 * n_a :], z_after, out=m)
        np.add(m, z[3 * n_a :], out=m)
        self._move(h_before, np.tanh(m, out=m), d, h_after)

    def _move(self, before: Array, target: Array, gate: Array, after: Array) -> None:
        """after = before + dt·gate ⊙ (target − before)."""
        np.subtract(target, before, out=after)
        after *= gate
        after *= self.dt
        np.add(after, before, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a, dt, Wh = self.hidden_size, self.dt, params["Wh"]
        (h_before, z_before), _, (gates,) = step
        d, s, n, m = np.split(gates, 4)
        dd, ds, dn, dm = np.split(dz, 4)
        dh, dz_state = dstate
        np.multiply(dh * (dt * d), 1 - m * m, out=dm)
        dz_state = dz_state + Wh[3 * n_a :].T @ dm
        np.multiply(dh * dt * (m - h_before), d * (1 - d), out=dd)
        np.multiply(dz_state * dt * (n - z_before), s * (1 - s), out=ds)
        np.multiply(dz_state * (dt * s), 1 - n * n, out=dn)
        back = Wh[: 3 * n_a].T @ dz[: 3 * n_a]
        return dh * (1 - dt * d) + back, dz_state * (1 - dt * s)

    def recurrent_inputs(self, cache: Cache) -> list[tuple[int, Array]]:
        hs, zs = cache.states
        return [(3, hs[:-1]), (1, zs[1:])]

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels import lem_loops
        from rnnx_zoo.kernels.gated import CompiledGated

        return CompiledGated(threads, lem_loops, (self.dt,))

    def gates(self, cache: Cache) -> Params:
        d, s, _, _ = np.split(cache.kept[0], 4, axis=1)
        return {"d": d, "s": s}  # of dt
