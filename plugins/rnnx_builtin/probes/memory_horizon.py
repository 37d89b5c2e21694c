"""How far back an input still changes the output: the memory that a network has, not its gradient.

    change(k) = mean over columns of ‖h⟨T⟩ − h′⟨T⟩‖₂ / ‖h⟨T⟩‖₂

h⟨T⟩ is what the head reads at the last step of the batch's longest columns, up to 8 of them; h′⟨T⟩
is the same after the input of step T − k alone is another one: the next symbol of the vocabulary,
or where inputs are numbers those of another column. The horizon is the largest k at which the
change is at least ``threshold``. A network forgets what is beyond it, whatever its gradient was.
Computed without dropout, with the parameters after the update, for up to 24 values of k, which are
close together where k is small; the file ``change.csv`` has them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require, require_positive
from rnnx.errors import ConfigError
from rnnx.system.png import drawing, png_bytes

COLUMNS, LAGS = 8, 24


@dataclass(frozen=True)
class MemoryHorizon:
    """How far back an input still changes the output."""

    every: int = 100
    """Observe step 1 and every multiple of this many steps, at least 1."""
    threshold: float = 0.01
    """The change of the output, relative to its norm, that counts. Above 0."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require_positive("threshold", self.threshold)

    def observe(self, seen: Observation) -> Findings:
        lags, changes = changes_by_lag(seen)
        far = lags[changes >= self.threshold]
        metrics = {"memory_horizon/steps": float(far.max()) if len(far) else 0.0}
        for lag in (1, 2, 5, 10, 20, 50, 100):
            if lag <= lags[-1]:
                change = np.interp(lag, lags, changes)
                metrics[f"memory_horizon/change_{lag:03}"] = float(change)
        rows = "".join(f"{k},{c:.9g}\n" for k, c in zip(lags, changes, strict=True))
        files = {"change.csv": f"lag,change\n{rows}".encode()}
        return Findings(metrics, {"change": _drawn(lags, changes, self.threshold)}, files)


def changes_by_lag(seen: Observation) -> tuple[Array, Array]:
    """Lags from 0 up to T − 1 at the most, and the change at each."""
    T, network = len(seen.x), seen.network
    if network.layer_cell.reads_backwards:
        raise ConfigError(
            "probe=memory_horizon: layers that read backwards know what comes later; choose "
            "another probe, or direction=forward"
        )
    columns = np.arange(seen.x.shape[-1])
    longest = (columns if seen.lengths is None else columns[seen.lengths == T])[:COLUMNS]
    spread = np.unique(np.round(np.geomspace(1, T, LAGS)).astype(int)) - 1
    lags = np.arange(T) if T <= LAGS else spread
    own = seen.x[..., longest]
    # The columns as they are, then once more for each lag, all in one pass.
    x = np.concatenate([own, *(_changed(seen, own, T - 1 - lag) for lag in lags.tolist())], axis=-1)
    states = network.initial_state(x.shape[-1], seen.params.flat.dtype)
    h, _, _ = network.forward(seen.params, x, states, None, Scratch())
    last = h[-1].astype(np.float64).reshape(h.shape[1], len(lags) + 1, len(longest))
    norms = np.linalg.norm(last - last[:, :1], axis=0)[1:]  # (lags, columns)
    sizes = np.maximum(np.linalg.norm(last[:, 0], axis=0), np.finfo(np.float32).tiny)
    return lags, np.mean(norms / sizes, axis=1)


def _changed(seen: Observation, x: Array, step: int) -> Array:
    """The inputs with those of one step exchanged for others."""
    x = x.copy()
    if x.ndim == 2:
        x[step] = (x[step] + 1) % seen.network.n_symbols
    elif x.shape[-1] > 1:
        x[step] = np.roll(x[step], 1, axis=-1)
    else:
        x[step] = 0
    return x


@drawing()
def _drawn(lags: Array, changes: Array, threshold: float) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="distance k (steps)", ylabel="relative change of the output")
    some = changes > 0
    axes.semilogy(lags[some], changes[some], marker=".")
    axes.axhline(threshold, linestyle="--", linewidth=0.8, color="gray")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    return png_bytes(figure, dpi=110)
