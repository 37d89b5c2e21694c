"""Nothing around the cell: y = cell(x)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts import Inner, Place
from rnnx.contracts.buffers import Scratch


@dataclass(frozen=True)
class NoBlock:
    """The bare cell: a layer's output is the cell's h."""

    embeds: ClassVar[bool] = False
    is_bare: ClassVar[bool] = True

    def features(self, n_a: int) -> int:
        return n_a

    def cell_inputs(self, n_x: int, n_a: int) -> int:
        return n_x

    def init(
        self, rng: np.random.Generator, n_x: int, n_a: int, place: Place, dtype: npt.DTypeLike
    ) -> Params:
        return {}

    def initial_state(self, n_a: int, B: int, dtype: npt.DTypeLike) -> State:
        return ()

    def forward(
        self,
        params: Params,
        x: Array,
        state: State,
        lengths: Array | None,
        cell: Inner,
        scratch: Scratch,
    ) -> tuple[Array, State, None]:
        return cell(x), (), None

    def backward(
        self, params: Params, cache: None, dy: Array, cell: Inner, scratch: Scratch
    ) -> tuple[Params, Array | None]:
        return {}, cell(dy)
