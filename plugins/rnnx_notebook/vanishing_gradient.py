"""Vanishing gradients of the notebook's plain network, beside an LSTM: one plot of both.

    norm(k) = mean over columns of ‖∂L⟨T⟩ / ∂h⟨T−k⟩‖₂,   k = 0 … T − 1

as in gradient_by_lag, of a vanilla cell and of an LSTM with fresh weights, on the batch of the
step: the recurrent weights are N(0, scale²), small as the notebook's are, all others each cell's
default. The notebook introduces the LSTM because the gradients of its plain network vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require, require_positive
from rnnx.models.network import Network
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.initializers.normal import Normal
from rnnx_builtin.probes.gradient_by_lag import LAGS, norms_by_lag, plot_by_lag


@dataclass(frozen=True)
class VanishingGradient:
    """The norm of ∂L⟨T⟩/∂h⟨T−k⟩ for a vanilla cell and an LSTM before training, in one plot."""

    every: int = 1_000_000
    """Observe step 1 and every multiple of this many steps, at least 1."""
    scale: float = 0.05
    """The standard deviation of the recurrent weights, above 0."""
    seed: int = 0
    """The seed of the weights, at least 0."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require_positive("scale", self.scale)
        require(self.seed >= 0, "seed", "at least 0", self.seed)

    def observe(self, seen: Observation) -> Findings:
        curves = self.curves(seen)
        metrics = {
            f"vanishing_gradient/{name}_{lag:03}": float(norms[lag])
            for name, norms in curves.items()
            for lag in LAGS
            if lag < len(norms)
        }
        return Findings(metrics, {"norm": plot_by_lag(curves)})

    def curves(self, seen: Observation) -> dict[str, Array]:
        """The norms (T,) by the cell's name, lag 0 first."""
        n_a = seen.network.cell.hidden_size
        weights = CellWeights(recurrent=Normal(scale=self.scale))
        cells: dict[str, Any] = {
            "vanilla": Vanilla(n_a, weights=weights),
            "lstm": LSTM(n_a, weights=weights),
        }
        return {name: self._norms(cell, seen) for name, cell in cells.items()}

    def _norms(self, cell: Any, seen: Observation) -> Array:
        network = Network(cell, seen.network.head, seen.network.n_symbols)
        params = network.init(np.random.default_rng(self.seed), seen.params.flat.dtype)
        return norms_by_lag(seen._replace(network=network, params=params))
