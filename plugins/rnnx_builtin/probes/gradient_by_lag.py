"""The norm of the loss's gradient against the lag: how far back a loss reaches.

    norm(k) = mean over columns of ‖∂L⟨T⟩ / ∂h⟨T−k⟩‖₂,   k = 0 … T − 1

L⟨T⟩ is the loss at the last step of the batch's longest columns alone (a target of the whole
sequence is read from its last step), h the hidden state of the top layer. Where the norm falls by
a constant factor a step, the gradient vanishes (Hochreiter 1991; Bengio, Simard and Frasconi 1994);
the notebook says so of its plain network, and introduces the LSTM for this reason. Computed without
dropout, with the parameters after the update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts import TargetHead
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require
from rnnx.models.network import Network
from rnnx.system.png import png_bytes

LAGS = (0, 1, 2, 5, 10, 20, 50, 100)  # the lags whose norms are metrics; the image has all


@dataclass(frozen=True)
class GradientByLag:
    """The norm of ∂L⟨T⟩/∂h⟨T−k⟩ for every lag k, as metrics and an image."""

    every: int = 100
    """Observe step 1 and every multiple of this many steps, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)

    def observe(self, seen: Observation) -> Findings:
        norms = norms_by_lag(seen)
        shown = {lag: norms[lag] for lag in LAGS if lag < len(norms)}
        metrics = {f"gradient_by_lag/{lag:03}": float(norm) for lag, norm in shown.items()}
        return Findings(metrics, {"norm": plot_by_lag({"": norms})})


def norms_by_lag(seen: Observation) -> Array:
    """The norms (T,), lag 0 first."""
    T = len(seen.x)
    columns = np.arange(seen.x.shape[-1])
    longest = columns if seen.lengths is None else columns[seen.lengths == T]
    network, params, B = seen.network, seen.params, len(longest)
    x, y = seen.x[..., longest], seen.y[..., longest]
    if not network.targets.per_sequence:
        y = y[-1:]
    top = params[f"layer{network.layers - 1}"]
    inputs = _below(seen, x)
    state, caches = network.cell.initial_state(B, params.flat.dtype), []
    for t in range(T):
        # One step a call, in buffers of its own, so that the gradient is known after each step.
        h, state, cache = network.cell.forward(top, inputs[t : t + 1], state, None, Scratch())
        caches.append(cache)
    scratch = Scratch()
    if isinstance(network.head, TargetHead):
        y = y if network.targets.are_ids else y.astype(h.dtype)
        _, _, cache = network.head.measure(params["head"], h, y, None, None, scratch)
    else:
        _, _, cache = network.head.forward(params["head"], h, y, None, scratch)
    _, dh = network.head.backward(params["head"], cache, scratch)
    norms, dstate = [_norm(dh[0])], None
    for cache in reversed(caches[1:]):
        _, _, dstate = network.cell.backward(top, cache, dh, dstate, Scratch())
        norms.append(_norm(dstate[0]))
        dh = np.zeros_like(dh)
    return np.array(norms)


def _below(seen: Observation, x: Array) -> Array:
    """The input of the top layer: ids, or h (T, n_a, B) of the layer below."""
    network = seen.network
    x = x if x.ndim == 2 else x.astype(seen.params.flat.dtype, copy=False)
    if network.layers == 1:
        return x
    lower = Network(network.cell, network.head, network.n_symbols, network.layers - 1)
    states = lower.initial_state(x.shape[-1], seen.params.flat.dtype)
    h, _, _ = lower.forward(seen.params, x, states, None, Scratch())
    return h


def _norm(dh: Array) -> float:
    return float(np.mean(np.linalg.norm(dh.astype(np.float64), axis=0)))


def plot_by_lag(curves: Mapping[str, Array]) -> bytes:
    """A plot, as a PNG, of norms (T,) against the lag, a curve for each label."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="lag k (steps)", ylabel="‖∂L⟨T⟩ / ∂h⟨T−k⟩‖")
    for label, norms in curves.items():
        seen = np.flatnonzero(norms > 0)
        axes.semilogy(seen, norms[seen], marker=".", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend()
    return png_bytes(figure, dpi=110)
