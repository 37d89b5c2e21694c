"""The LSTM with layer normalisation (Ba, Kiros and Hinton 2016, arXiv:1607.06450).

    N(a)       = (a − mean a) / √(var a + ε)             over all rows of a, ε = 10⁻⁵
    i, f, o    = σ(gx ⊙ N(Wx·x⟨t⟩) + gh ⊙ N(Wh·h⟨t−1⟩) + b)
    g          = tanh(gx ⊙ N(Wx·x⟨t⟩) + gh ⊙ N(Wh·h⟨t−1⟩) + b)
    c⟨t⟩       = f ⊙ c⟨t−1⟩ + i ⊙ g
    h⟨t⟩       = o ⊙ tanh(gc ⊙ N(c⟨t⟩) + bc)

    Wx (4·n_a, n_x) · Wh (4·n_a, n_a) · gx, gh, b (4·n_a, 1) · gc, bc (n_a, 1) · state (h, c)

The rows are the blocks i, f, o, g. f = 1 keeps the memory, i = 1 writes, o = 1 shows. As in the
paper's equations 20 to 22 (and in haste), a mean is over the rows of all four gates together;
LayerNormBasicLSTMCell of TensorFlow's contrib normalises each gate by itself. The two shifts of
the paper are one, b. The gains g… begin at 1, and 1 is added to the bias of f; the weights begin as
those of the built-in cells.
"""

from __future__ import annotations

from collections.abc import Callable
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
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    Steps,
    input_gradient,
    input_rows,
    input_weights,
    project,
    sum_products,
)
from rnnx_zoo.norm_of_rows import normalize, through_norm
from rnnx_zoo.recurrence import Cache, Recurrence, Step
from rnnx_zoo.sigmoid import sigmoid


@dataclass(frozen=True)
class LayerNormLSTM(Recurrence):
    """An LSTM whose sums keep their scale: for large rates, deep stacks and long sequences."""

    blocks: ClassVar[int] = 4
    more_sums: ClassVar[int] = 1  # gc ⊙ N(c) + bc
    state_arrays: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (4, 4, 1)  # i, f, o, g; Wh·h⟨t−1⟩; tanh(… N(c))

    golden: ClassVar[tuple[str, ...]] = ("golden/layernorm_lstm.json",)
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
    """The initialisers of Wx, Wh, b and bc."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_finite("forget_bias", self.forget_bias)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        params, n_a = super().init(rng, n_x, dtype), self.hidden_size
        params["b"][n_a : 2 * n_a] += self.forget_bias
        params |= {name: np.ones((4 * n_a, 1), dtype) for name in ("gx", "gh")}
        bias = fill(self.weights.bias, rng, (n_a, 1), dtype)
        return params | {"gc": np.ones((n_a, 1), dtype), "bc": bias}

    def project(
        self, params: Params, x: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[Steps, Any]:
        T, rows, B = len(x), len(params["Wx"]), x.shape[-1]
        products = project(params["Wx"], np.zeros_like(params["b"]), x, lengths, scratch)
        x_hat = scratch.array("x_hat", (T, rows, B), params["Wx"].dtype)
        for t in range(T):
            x_hat[t] = products[t]
        inverse = normalize(x_hat)
        z = np.multiply(params["gx"], x_hat, out=scratch.array("z", x_hat.shape, x_hat.dtype))
        return np.add(z, params["b"], out=z), (x_hat, inverse)

    def project_one(self, params: Params) -> Callable[[Array], Array]:
        product = step_projection(params["Wx"], np.zeros_like(params["b"]))

        def one(x: Array) -> Array:
            x_hat = product(x).copy()
            normalize(x_hat)
            z: Array = params["gx"] * x_hat + params["b"]
            return z

        return one

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        n_a = self.hidden_size
        (h_before, c_before), (h, c), (gates, products, shown) = step
        i, f, o, g = np.split(gates, 4)
        np.copyto(gates, np.matmul(params["Wh"], h_before, out=products))
        normalize(gates)
        gates *= params["gh"]
        np.add(gates, z, out=gates)
        sigmoid(gates[: 3 * n_a])
        np.tanh(g, out=g)
        np.multiply(f, c_before, out=c)
        np.add(c, np.multiply(i, g, out=shown), out=c)
        np.copyto(shown, c)
        normalize(shown)
        shown *= params["gc"]
        np.tanh(np.add(shown, params["bc"], out=shown), out=shown)
        np.multiply(o, shown, out=h)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        (_, c_before), (_, c), (gates, products, shown) = step
        i, f, o, g = np.split(gates, 4)
        di, df, do, dg, dm = np.split(dz, 5)
        dh, dc = dstate
        np.multiply(dh * o, 1 - shown * shown, out=dm)
        dc = dc + _norm_back(params["gc"] * dm, c)
        np.multiply(dh * shown, o * (1 - o), out=do)
        np.multiply(dc * g, i * (1 - i), out=di)
        np.multiply(dc * c_before, f * (1 - f), out=df)
        np.multiply(dc * i, 1 - g * g, out=dg)
        return params["Wh"].T @ _norm_back(params["gh"] * dz[: -len(c)], products), dc * f

    def gradients(
        self, params: Params, cache: Cache, dz: Array, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        n_x, (x_hat, inverse) = params["Wx"].shape[1], cache.projected
        hs, cs = cache.states
        n_a = self.hidden_size
        dz, dm = dz[:, : 4 * n_a], dz[:, 4 * n_a :]
        by_x = through_norm(params["gx"] * dz, x_hat, inverse)
        inputs = input_rows(cache.x, n_x, cache.lengths)
        columns = sum_products(by_x, [inputs], "dWx", scratch)
        h_hat, c_hat = cache.kept[1].copy(), cs[1:].copy()
        normalize(c_hat)
        by_h = through_norm(params["gh"] * dz, h_hat, normalize(h_hat))
        dWh = scratch.array("dWh", params["Wh"].shape, dz.dtype)
        np.copyto(dWh, sum_products(by_h, [Dense(hs[:-1])], "dWh", scratch))
        return {
            "Wx": input_weights(columns, inputs, n_x, scratch),
            "Wh": dWh,
            "b": _sum(dz),
            "gx": _sum(dz * x_hat),
            "gh": _sum(dz * h_hat),
            "gc": _sum(dm * c_hat),
            "bc": _sum(dm),
        }, input_gradient(params["Wx"], by_x, cache.x, scratch)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels import layernorm_loops
        from rnnx_zoo.kernels.layernorm import CompiledLayerNormLSTM

        return CompiledLayerNormLSTM(threads, layernorm_loops)

    def gates(self, cache: Cache) -> Params:
        i, f, o, _ = np.split(cache.kept[0], 4, axis=1)
        return {"i": i, "f": f, "o": o}


def _norm_back(d: Array, a: Array) -> Array:
    """The gradient by a (…, n, B) from d, that by N(a)."""
    a_hat = a.copy()
    return through_norm(d, a_hat, normalize(a_hat))


def _sum(steps: Array) -> Array:
    """(T, n, B) → (n, 1)."""
    total: Array = steps.sum(axis=(0, 2))[:, None]
    return total
