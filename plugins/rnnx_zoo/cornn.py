"""The coupled oscillatory RNN (Rusch and Mishra 2021, arXiv:2010.00951): units that swing.

    n    = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + Wz·z⟨t−1⟩ + b)           the force on each unit
    z⟨t⟩ = z⟨t−1⟩ + dt·(n − gamma·h⟨t−1⟩ − epsilon·z⟨t−1⟩)     its speed
    h⟨t⟩ = h⟨t−1⟩ + dt·z⟨t⟩                                    its place

    Wx (n_a, n_x) · Wh, Wz (n_a, n_a) · b (n_a, 1) · state (h, z)

It has no gates: a damped spring, driven by tanh, in steps of dt. The gradient through time neither
vanishes nor explodes while dt is small. The paper calls h y. The weights begin as in the authors'
code, tk-rusch/coRNN, one nn.Linear over [x; z; h]: U(±1/√(n_x + 2·n_a)), the bias too. The defaults
of dt, gamma and epsilon are its own for sequential MNIST; they have to be tuned for each task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import InitializerSpec
from rnnx.contracts.ranges import require_finite, require_positive
from rnnx_builtin.numerics.whole_sequence import Dense, sum_products
from rnnx_zoo.recurrence import Cache, Recurrence, Step


@dataclass(frozen=True)
class CoRNNWeights:
    """The initialiser of each kind of weight: its name, or ``{name: normal, scale: 0.1}``."""

    all: InitializerSpec = "uniform_in"
    """Of [Wx Wz Wh] (n_a, n_x + 2·n_a) as one matrix, and of b as one of its columns."""


@dataclass(frozen=True)
class CoRNN(Recurrence):
    """A net of oscillators: for long sequences of real numbers, such as sensors and pixels."""

    blocks: ClassVar[int] = 1
    state_arrays: ClassVar[int] = 2
    kept: ClassVar[tuple[int, ...]] = (1,)  # n
    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh", "Wz")
    golden: ClassVar[tuple[str, ...]] = ("golden/cornn.json",)

    hidden_size: int = 128
    """n_a, units, at least 1."""
    dt: float = 0.042
    """The time step, above 0."""
    gamma: float = 2.7
    """What pulls a unit back to 0, above 0: its frequency is about √gamma."""
    epsilon: float = 4.7
    """What brakes a unit, finite."""
    weights: CoRNNWeights = CoRNNWeights()
    """The initialiser of all weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("dt", self.dt)
        require_positive("gamma", self.gamma)
        require_finite("epsilon", self.epsilon)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        shape = n_a, n_x + 2 * n_a
        W = fill(self.weights.all, rng, shape, dtype)
        b = fill(self.weights.all, rng, shape, dtype)[:, :1]
        Wx, Wz, Wh = (np.ascontiguousarray(W) for W in np.split(W, (n_x, n_x + n_a), axis=1))
        return {"Wx": Wx, "Wh": Wh, "Wz": Wz, "b": np.ascontiguousarray(b)}

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        (h_before, z_before), (h_after, z_after), (n,) = step
        np.matmul(params["Wh"], h_before, out=n)
        np.add(n, np.matmul(params["Wz"], z_before, out=z_after), out=n)
        np.tanh(np.add(n, z, out=n), out=n)
        np.multiply(n, self.dt, out=z_after)
        z_after -= (self.dt * self.gamma) * h_before
        z_after += (1 - self.dt * self.epsilon) * z_before
        np.multiply(z_after, self.dt, out=h_after)
        np.add(h_after, h_before, out=h_after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        (n,), (dh, dz_state) = step.kept, dstate
        dz_state = dz_state + self.dt * dh
        np.multiply(self.dt * dz_state, 1 - n * n, out=dz)
        return (
            dh - (self.dt * self.gamma) * dz_state + params["Wh"].T @ dz,
            (1 - self.dt * self.epsilon) * dz_state + params["Wz"].T @ dz,
        )

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.one_phase import CORNN, CompiledOnePhase

        return CompiledOnePhase(threads, CORNN, (self.dt, self.gamma, self.epsilon))

    def gradients(
        self, params: Params, cache: Cache, dz: Array, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super().gradients(params, cache, dz, scratch)
        dWz = scratch.array("dWz", params["Wz"].shape, dz.dtype)
        np.copyto(dWz, sum_products(dz, [Dense(cache.states[1][:-1])], "dWz", scratch))
        return dparams | {"Wz": dWz}, dx
