"""The independently recurrent network (Li et al. 2018, arXiv:1803.04831): each unit sees itself.

    h⟨t⟩ = relu(Wx·x⟨t⟩ + u ⊙ h⟨t−1⟩ + b),   |u| ≤ 2^(1/horizon)

    Wx (n_a, n_x) · u, b (n_a, 1) · state (h,)

There are no gates: a unit with u = 1 adds up, one with u < 1 forgets. After each update u is moved
back into its bounds, so that a state grows at most twofold in `horizon` steps; neither u nor b is
decayed. As in the authors' code, Sunnydreamrain/IndRNN_pytorch, u begins U(0, 2^(1/horizon)), Wx as
kaiming_uniform with a = 8, U(±√(6 / (65·n_x))), and b as 0. The units of a layer meet in the next
layer only: give it at least two, `layers=2`. The authors put batch normalisation between layers;
here `block=prenorm` is nearest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.updates import Group
from rnnx_zoo.recurrence import Cache, Recurrence, Step


@dataclass(frozen=True)
class IndRNN(Recurrence):
    """The simplest cell that can be trained over hundreds of steps, and deep."""

    blocks: ClassVar[int] = 1
    recurrent_blocks: ClassVar[int] = 0
    kept: ClassVar[tuple[int, ...]] = ()
    recurrent_weights: ClassVar[tuple[str, ...]] = ("u",)
    golden: ClassVar[tuple[str, ...]] = ("golden/indrnn.json",)

    hidden_size: int = 128
    """n_a, units, at least 1."""
    horizon: int = 100
    """The steps in which a state may double, at least 1: about the length of a sequence."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.horizon >= 1, "horizon", "at least 1", self.horizon)

    @property
    def _bound(self) -> float:
        return math.exp2(1 / self.horizon)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, limit = self.hidden_size, (6 / (65 * n_x)) ** 0.5
        return {
            "Wx": rng.uniform(-limit, limit, (n_a, n_x)).astype(dtype),
            "u": rng.uniform(0, self._bound, (n_a, 1)).astype(dtype),
            "b": np.zeros((n_a, 1), dtype),
        }

    def parameter_groups(self) -> Mapping[str, Group]:
        return {"u": Group(decay=False), "b": Group(decay=False)}

    def project_parameters(self, params: Params) -> None:
        np.clip(params["u"], -self._bound, self._bound, out=params["u"])

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal import CompiledGates
        from rnnx_zoo.kernels.diagonal_loop import IND_RNN

        return CompiledGates(threads, IND_RNN)

    def forward_step(self, params: Params, z: Array, step: Step) -> None:
        (before,), (after,), _ = step
        np.multiply(params["u"], before, out=after)
        np.add(after, z, out=after)
        np.maximum(after, 0, out=after)

    def backward_step(self, params: Params, step: Step, dstate: State, dz: Array) -> State:
        np.multiply(dstate[0], step.after[0] > 0, out=dz)
        return (params["u"] * dz,)

    def recurrent_inputs(self, cache: Cache) -> list[tuple[int, Array]]:
        return []

    def gradients(
        self, params: Params, cache: Cache, dz: Array, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super().gradients(params, cache, dz, scratch)
        du = scratch.array("du", params["u"].shape, dz.dtype)
        np.einsum("tnb,tnb->n", dz, cache.states[0][:-1], out=du[:, 0])
        return dparams | {"u": du}, dx
