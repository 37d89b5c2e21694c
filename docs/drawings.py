"""Drawings of networks and cells in the notebook's notation, made whenever the manual is built."""

from collections.abc import Sequence
from itertools import pairwise

from figures import svg
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

Point = tuple[float, float]
INK, BLUE, GREEN = "#000000", "#1f77b4", "#2ca02c"  # the page's own colour replaces INK


class Sheet:
    """A figure without axes, on which boxes, circles and arrows are drawn."""

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(0.62 * width, 0.62 * height))
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        self.axes.set_axis_off()

    def text(self, at: Point, text: str, color: str = INK, size: float = 12) -> None:
        self.axes.text(*at, text, color=color, size=size, ha="center", va="center")

    def box(self, at: Point, text: str, size: Point = (1.5, 0.9), color: str = BLUE) -> None:
        corner = (at[0] - size[0] / 2, at[1] - size[1] / 2)
        shape = FancyBboxPatch(corner, *size, "round,pad=0,rounding_size=0.15", fill=False)
        shape.set(edgecolor=color, linewidth=1.6)
        self.axes.add_patch(shape)
        self.text(at, text)

    def circle(self, at: Point, text: str) -> None:
        self.axes.add_patch(Circle(at, 0.3, fill=False, edgecolor=GREEN, linewidth=1.6))
        self.text(at, text, size=13)

    def arrow(self, *points: Point) -> None:
        """A line through the points with its head at the last."""
        for start, end in pairwise(points[:-1]):
            self.axes.plot(*zip(start, end, strict=True), color=INK, linewidth=1.2)
        ends = {"shrinkA": 0, "shrinkB": 0}
        head = FancyArrowPatch(points[-2], points[-1], arrowstyle="-|>", mutation_scale=11, **ends)
        head.set(color=INK, linewidth=1.2)
        self.axes.add_patch(head)


def unrolled(name: str = "trex") -> str:
    """The network at every step of a name: its inputs X below, its targets Y above."""
    inputs, targets = ["0⃗", *name], [*name, "⏎"]
    sheet = Sheet(2.6 * len(inputs) + 2.2, 5.6)
    sheet.text((0.5, 2.8), "$a^{⟨0⟩}$")
    for t, (x, y) in enumerate(zip(inputs, targets, strict=True), 1):
        at = 2.6 * t - 0.2
        sheet.box((at, 2.8), "cell")
        sheet.arrow((at - 1.85 if t > 1 else 0.95, 2.8), (at - 0.75, 2.8))
        sheet.arrow((at, 1.15), (at, 2.35))
        sheet.arrow((at, 3.25), (at, 4.0))
        sheet.text((at, 0.75), x.replace("0⃗", r"$\vec{0}$"), GREEN, 14)
        sheet.text((at, 0.25), f"$x^{{⟨{t}⟩}}$", size=10)
        sheet.text((at, 4.35), rf"$\hat{{y}}^{{⟨{t}⟩}}$")
        sheet.text((at, 5.15), y, GREEN, 14)
        sheet.text((at + 1.3, 3.1), f"$a^{{⟨{t}⟩}}$", size=10)
    last = 2.6 * len(inputs) - 0.2
    sheet.arrow((last + 0.75, 2.8), (last + 1.75, 2.8))
    sheet.text((0.5, 0.75), "X", size=14)
    sheet.text((0.5, 5.15), "Y", size=14)
    return svg(sheet.figure)


def vanilla() -> str:
    """One step of the plain cell, and the head above it."""
    sheet = Sheet(9, 5.2)
    sheet.text((0.8, 2.0), "$a^{⟨t-1⟩}$")
    sheet.box((4, 2.0), "tanh")
    sheet.arrow((1.5, 2.0), (3.25, 2.0))
    sheet.arrow((4, 0.75), (4, 1.55))
    sheet.text((4, 0.4), "$x^{⟨t⟩}$")
    sheet.arrow((4.75, 2.0), (7.3, 2.0))
    sheet.text((8.0, 2.0), "$a^{⟨t⟩}$")
    sheet.arrow((6.0, 2.0), (6.0, 3.05))
    sheet.box((6.0, 3.5), "softmax", (2.0, 0.9))
    sheet.arrow((6.0, 3.95), (6.0, 4.5))
    sheet.text((6.0, 4.85), r"$\hat{y}^{⟨t⟩}$")
    sheet.text((2.35, 2.35), "$W_{aa}$", size=10)
    sheet.text((4.55, 1.05), "$W_{ax}$", size=10)
    sheet.text((6.55, 2.6), "$W_{ya}$", size=10)
    return svg(sheet.figure)


def lstm() -> str:
    """One step of the LSTM: the memory c along the top, the gates between it and [a; x]."""
    sheet = Sheet(13, 6.6)
    gates = ((3.0, "σ", r"$\Gamma_f$"), (5.0, "σ", r"$\Gamma_u$"), (7.0, "tanh", r"$\tilde{c}$"))
    sheet.text((0.9, 5.6), "$c^{⟨t-1⟩}$")
    sheet.text((0.9, 0.9), "$a^{⟨t-1⟩}$")
    sheet.text((2.0, 0.3), "$x^{⟨t⟩}$")
    sheet.arrow((2.0, 0.55), (2.0, 0.9))
    _from_below(sheet, 1.5, 9.0, [(at, text) for at, text, _ in gates] + [(9.0, "σ")])
    for at, _, name in (*gates, (9.0, "σ", r"$\Gamma_o$")):
        sheet.text((at - 0.5, 2.95), name, size=11)
    sheet.arrow((1.5, 5.6), (2.7, 5.6))
    sheet.circle((3.0, 5.6), "×")
    sheet.arrow((3.0, 2.45), (3.0, 5.3))
    sheet.circle((6.0, 4.0), "×")
    sheet.arrow((5.0, 2.45), (5.0, 4.0), (5.7, 4.0))
    sheet.arrow((7.0, 2.45), (7.0, 4.0), (6.3, 4.0))
    sheet.arrow((6.0, 4.3), (6.0, 5.3))
    sheet.arrow((3.3, 5.6), (5.7, 5.6))
    sheet.circle((6.0, 5.6), "+")
    sheet.arrow((6.3, 5.6), (11.6, 5.6))
    sheet.text((12.2, 5.6), "$c^{⟨t⟩}$")
    sheet.arrow((10.5, 5.6), (10.5, 4.75))
    sheet.box((10.5, 4.3), "tanh", (1.3, 0.8))
    sheet.arrow((10.5, 3.9), (10.5, 3.3))
    sheet.circle((10.5, 3.0), "×")
    sheet.arrow((9.0, 2.45), (9.0, 3.0), (10.2, 3.0))
    sheet.arrow((10.8, 3.0), (11.6, 3.0))
    sheet.text((12.2, 3.0), "$a^{⟨t⟩}$")
    return svg(sheet.figure)


def gru() -> str:
    """One step of the GRU: the state along the top, the gates r and z between it and the input."""
    sheet = Sheet(12, 6.6)
    sheet.text((0.9, 5.6), "$h^{⟨t-1⟩}$")
    sheet.text((0.9, 0.9), "$h^{⟨t-1⟩}$")
    sheet.text((2.0, 0.3), "$x^{⟨t⟩}$")
    sheet.arrow((2.0, 0.55), (2.0, 0.9))
    _from_below(sheet, 1.5, 8.0, [(4.0, "σ"), (6.0, "σ"), (8.0, "tanh")])
    for at, name in ((4.0, "$z$"), (6.0, "$r$"), (8.0, "$n$")):
        sheet.text((at - 0.4, 2.95), name, size=11)
    sheet.arrow((6.0, 2.45), (6.0, 3.3), (7.0, 3.3), (7.0, 2.0), (7.25, 2.0))
    sheet.arrow((1.5, 5.6), (3.7, 5.6))
    sheet.circle((4.0, 5.6), "×")
    sheet.arrow((4.0, 2.45), (4.0, 5.3))
    sheet.circle((8.0, 4.2), "×")
    sheet.arrow((8.0, 2.45), (8.0, 3.9))
    sheet.arrow((4.0, 4.2), (7.7, 4.2))
    sheet.text((5.8, 4.5), "$1-z$", size=10)
    sheet.arrow((8.0, 4.5), (8.0, 5.3))
    sheet.arrow((4.3, 5.6), (7.7, 5.6))
    sheet.circle((8.0, 5.6), "+")
    sheet.arrow((8.3, 5.6), (10.6, 5.6))
    sheet.text((11.2, 5.6), "$h^{⟨t⟩}$")
    return svg(sheet.figure)


def _from_below(sheet: Sheet, start: float, end: float, boxes: Sequence[tuple[float, str]]) -> None:
    """The line of [a; x], and an arrow from it into every box."""
    sheet.axes.plot([start, end], [0.9, 0.9], color=INK, linewidth=1.2)
    for at, text in boxes:
        sheet.arrow((at, 0.9), (at, 1.55))
        sheet.box((at, 2.0), text, (1.3, 0.9))
