"""The tutorial's pictures, drawn anew from real steps whenever the manual is built."""

import io
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import rnnx
from rnnx_builtin.probes.gradient_by_lag import norms_by_lag


def vanishing() -> str:
    """‖dh‖ against the lag at the first step, for both cells."""

    def draw(axes: Axes) -> None:
        for cell in ("vanilla", "lstm"):
            session = rnnx.build(["experiment=vanishing_gradient", f"cell={cell}"])
            session.step()
            norms = norms_by_lag(session.observation)
            axes.semilogy(norms, marker=".", label=cell)
        axes.set(xlabel="k", ylabel="‖∂L⟨T⟩ / ∂h⟨T−k⟩‖")

    return _svg(draw)


def clipping() -> str:
    """The smoothed loss with and without clipping."""

    def draw(axes: Axes) -> None:
        for limit, label in ((1e9, "none"), (0.1, "clipper.limit=0.1")):
            session = rnnx.build(["experiment=clipping", f"clipper.limit={limit}"])
            losses = []
            for _ in range(session.settings.steps):
                session.step()
                losses.append(min(session.smooth_loss, 1e3))
            axes.semilogy(losses, label=label)
        axes.set(xlabel="step", ylabel="loss")

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
