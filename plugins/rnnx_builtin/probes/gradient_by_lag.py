"""The norm of the loss's gradient against the lag: how far back a loss reaches.

    norm(k) = mean over columns of ‖∂L⟨T⟩ / ∂h⟨T−k⟩‖₂,   k = 0 … T − 1

L⟨T⟩ is the loss at the last step of the batch's longest columns alone (a target of the whole
sequence is read from its last step), h the hidden state of the top layer's cell. Where the norm
falls by a constant factor a step, the gradient vanishes (Hochreiter 1991; Bengio, Simard and
Frasconi 1994); the notebook says so of its plain network, and introduces the LSTM for this reason.
Computed without dropout, with the parameters after the update.
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
from rnnx.errors import ConfigError
from rnnx.system.png import drawing, png_bytes

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
    T, network, params = len(seen.x), seen.network, seen.params
    if network.layer_cell.reads_backwards:
        raise ConfigError(
            "probe=gradient_by_lag: a loss reaches steps before it and after it where layers read "
            "backwards; choose another probe, or direction=forward"
        )
    columns = np.arange(seen.x.shape[-1])
    longest = columns if seen.lengths is None else columns[seen.lengths == T]
    cell, B = network.layer_cell, len(longest)
    x, y = seen.x[..., longest], seen.y[..., longest]
    if not network.targets.per_sequence:
        y = y[-1:]
    top = params[f"layer{network.layers - 1}"]
    *_, layer = network.layer_values(params, x, None)
    dx_shape = layer.x[:1].shape if layer.x.ndim == 3 else None
    state, caches = cell.initial_state(B, params.flat.dtype), []
    for t in range(T):
        # One step a call, in buffers of its own, so that the gradient is known after each step.
        _, state, cache = cell.forward(top, layer.x[t : t + 1], state, None, Scratch())
        caches.append(cache)
    dh = _of_the_last_loss(seen, x, y)
    norms, dstate = [_norm(dh[0])], None
    for cache in reversed(caches[1:]):
        _, _, dstate = cell.backward(top, cache, dh, Scratch(), dx_shape, dstate)
        norms.append(_norm(dstate[0]))
        dh = np.zeros_like(dh)
    return np.array(norms)


def _of_the_last_loss(seen: Observation, x: Array, y: Array) -> Array:
    """The gradient (1, n_a, B) by the last h of the loss at the last step."""
    network, params, scratch = seen.network, seen.params, Scratch()
    states = network.initial_state(x.shape[-1], params.flat.dtype)
    h, _, _ = network.forward(params, x, states, None, scratch)
    head, own = network.head, scratch.child("head")
    given = network.head_params(params, own)
    if isinstance(head, TargetHead):
        y = y if network.targets.are_ids else y.astype(h.dtype)
        _, _, cache = head.measure(given, h[-1:], y, None, None, own)
    else:
        _, _, cache = head.forward(given, h[-1:], y, None, own)
    _, dlast = head.backward(given, cache, own)
    dy = np.zeros_like(h)
    dy[-1:] = dlast
    return network.gradient_by_h(params, x, dy)[-1:]


def _norm(dh: Array) -> float:
    return float(np.mean(np.linalg.norm(dh.astype(np.float64), axis=0)))


@drawing()
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
