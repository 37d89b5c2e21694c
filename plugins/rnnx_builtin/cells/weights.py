"""How a cell's weights begin."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.components import InitializerSpec


@dataclass(frozen=True)
class CellWeights:
    """The initialiser of each kind of weight: its name, or ``{name: normal, scale: 0.1}``."""

    input: InitializerSpec = "glorot"
    """Of Wx, each gate's (n_a, n_x) block alone (Glorot and Bengio 2010)."""
    recurrent: InitializerSpec = "orthogonal"
    """Of Wh, each gate's (n_a, n_a) block alone (Saxe et al. 2014)."""
    bias: InitializerSpec = "zeros"
    """Of the biases (n, 1)."""
