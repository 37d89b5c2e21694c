"""The LSTM with peephole connections (Gers, Schraudolph and Schmidhuber 2002, JMLR 3).

    i, f = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b + p ⊙ c⟨t−1⟩)   the input and forget gates
    g    = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)             the candidate
    c⟨t⟩ = f ⊙ c⟨t−1⟩ + i ⊙ g
    o    = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b + p ⊙ c⟨t⟩)     the output gate sees the new memory
    h⟨t⟩ = o ⊙ tanh(c⟨t⟩)

    Wx (4·n_a, n_x) · Wh (4·n_a, n_a) · b (4·n_a, 1) · p (3·n_a, 1) · state (h, c)

The rows are the blocks i, f, o, g, those of p i, f, o. f = 1 keeps the memory, i = 1 writes, o = 1
shows. It is the LSTM of ONNX with its input P (there in the order i, o, f). p begins as the biases
do, and as in the built-in LSTM 1 is added to the bias of f; the weights begin as those of the
built-in cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require_finite
from rnnx.contracts.self_description import GateWords
from rnnx_builtin.cells.weights import CellWeights
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class PeepholeLSTM(Recurrence):
    """An LSTM whose gates see the memory itself: for exact times, counts and rhythms."""

    blocks: ClassVar[int] = 4
    state_arrays: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (4, 1)  # i, f, o, g; tanh(c)

    golden: ClassVar[tuple[str, ...]] = ("golden/peephole_lstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("writes the candidate g to c", "writes nothing"),
        "f": GateWords("keeps c⟨t−1⟩", "forgets it"),
        "o": GateWords("shows c in h", "hides it"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    forget_bias: float = 1.0
    """Added to the fresh bias of f; above 0 keeps memory at first (Jozefowicz et al. 2015)."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b; that of b also fills p."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("forget_bias", self.forget_bias)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        params, n_a = super().init(rng, n_x, dtype), self.hidden_size
        params["b"][n_a : 2 * n_a] += self.forget_bias
        params["p"] = fill(self.weights.bias, rng, (n_a, 1), dtype, blocks=3)
        return params

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a, p = self.hidden_size, params["p"]
        (h_before, c_before), (h, c), (gates, tanh_c) = step
        i, f, o, g = np.split(gates, 4)
        np.matmul(params["Wh"], h_before, out=gates)
        np.add(gates, z, out=gates)
        i += p[:n_a] * c_before
        f += p[n_a : 2 * n_a] * c_before
        sigmoid(gates[: 2 * n_a])
        np.tanh(g, out=g)
        np.multiply(f, c_before, out=c)
        np.add(c, np.multiply(i, g, out=tanh_c), out=c)
        o += p[2 * n_a :] * c
        sigmoid(o)
        np.multiply(o, np.tanh(c, out=tanh_c), out=h)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        n_a, p = self.hidden_size, params["p"]
        (_, c_before), _, (gates, tanh_c) = step
        i, f, o, g = np.split(gates, 4)
        di, df, do, dg = np.split(dz, 4)
        dh, dc = dstate
        np.multiply(dh * tanh_c, o * (1 - o), out=do)
        dc = dc + dh * o * (1 - tanh_c * tanh_c) + p[2 * n_a :] * do
        np.multiply(dc * g, i * (1 - i), out=di)
        np.multiply(dc * c_before, f * (1 - f), out=df)
        np.multiply(dc * i, 1 - g * g, out=dg)
        return params["Wh"].T @ dz, dc * f + p[:n_a] * di + p[n_a : 2 * n_a] * df

    def gradients(
        self, params: Params, cache: Cache, dz: Array, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super().gradients(params, cache, dz, scratch)
        n_a, c = self.hidden_size, cache.states[1]
        dp = scratch.array("dp", (3 * n_a, 1), dz.dtype)
        for k, seen in enumerate((c[:-1], c[:-1], c[1:])):  # i, f, o
            rows = slice(k * n_a, (k + 1) * n_a)
            np.einsum("tnb,tnb->n", dz[:, rows], seen, out=dp[rows, 0])
        return dparams | {"p": dp}, dx

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels import peephole_loops
        from rnnx_zoo.kernels.peephole import CompiledPeepholeLSTM

        return CompiledPeepholeLSTM(threads, peephole_loops)

    def gates(self, cache: Cache) -> Params:
        i, f, o, _ = np.split(cache.kept[0], 4, axis=1)
        return {"i": i, "f": f, "o": o}
