"""The tutorial's figures, drawn from real steps whenever the manual is built."""

import io
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import rnnx


def vanishing() -> str:
    """‖∂L⟨T⟩ / ∂h⟨T−k⟩‖ against k before training, for both cells."""

    def draw(axes: Axes) -> None:
        session = rnnx.build(["experiment=vanishing_gradient"])
        session.step()
        probe = session.components.probes["vanishing_gradient"]
        for cell, norms in probe.curves(session.observation).items():
            axes.semilogy(norms, marker=".", label=cell)
        axes.set(xlabel="k (steps back)", ylabel="‖∂L⟨T⟩ / ∂h⟨T−k⟩‖")

    return _svg(draw)


def clipping() -> str:
    """The smoothed loss with and without clipping."""

    def draw(axes: Axes) -> None:
        for limit, label in ((1e9, "not clipped"), (0.01, "clipped (limit 0.01)")):
            session = rnnx.build(["experiment=clipping", f"clipper.limit={limit}"])
            losses = []
            for _ in range(session.settings.steps):
                session.step()
                losses.append(session.smooth_loss)
            axes.plot(losses, label=label)
        axes.set(xlabel="step", ylabel="smoothed loss (nats a character)")

    return _svg(draw)


def _svg(draw: Callable[[Axes], None]) -> str:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.grid(alpha=0.3)
    axes.legend()
    text = io.StringIO()
    figure.savefig(text, format="svg")
    return text.getvalue()[text.getvalue().index("<svg") :]
