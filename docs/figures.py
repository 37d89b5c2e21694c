"""The tutorial's figures, drawn from real steps whenever the manual is built."""

import functools
import io
from collections.abc import Callable
from contextlib import suppress
from math import log

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import rnnx
from rnnx.arrays import Array, Params
from rnnx.config.components import component_from
from rnnx.contracts import Cell, GatedCell
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.self_description import DescribedGates
from rnnx.errors import Diverged
from rnnx.training.session import Session

GATES = {"f": r"forget $\Gamma_f$", "i": r"update $\Gamma_u$", "o": r"output $\Gamma_o$"}
NAME, BEGINNING = "tyrannosaurus", "tyr"
TEMPERATURES = (0.5, 1.0, 2.0)
TRAINING_STEPS = 600
SYMBOLS = 8
PARITY_STEPS = 600


def vanishing() -> str:
    """‖∂L⟨T⟩ / ∂h⟨T−k⟩‖ against k before training, for both cells."""

    def draw(axes: Axes) -> None:
        session = rnnx.build(["experiment=vanishing_gradient"])
        session.step()
        probe = session.components.probes["vanishing_gradient"]
        for cell, norms in probe.curves(session.observation).items():
            axes.semilogy(norms, marker=".", label=cell)
        axes.set(xlabel="k (steps back)", ylabel="‖∂L⟨T⟩ / ∂h⟨T−k⟩‖")

    return _curves(draw)


def forgetting(*cells: str, steps: int = 100) -> str:
    """How much another symbol k steps ago changes h⟨T⟩, for fresh cells of 64 units.

    The mean over 16 columns of random symbols of ‖h⟨T⟩ − h′⟨T⟩‖ / ‖h⟨T⟩‖.
    """
    rng = np.random.default_rng(0)
    x = rng.integers(0, SYMBOLS, (steps, 16))
    lags = np.unique(np.geomspace(1, steps, 24).astype(int)) - 1

    def last(cell: Cell, params: Params, ids: Array) -> Array:
        state = cell.initial_state(ids.shape[1], np.float64)
        h, _, _ = cell.forward(params, ids, state, None, Scratch())
        return h[-1].copy()

    def draw(axes: Axes) -> None:
        for name in cells:
            cell = component_from("cell", {"name": name, "hidden_size": 64})
            params = cell.init(np.random.default_rng(0), SYMBOLS, np.float64)
            whole, changes = last(cell, params, x), []
            for lag in lags:
                other = x.copy()
                other[steps - 1 - lag] = (other[steps - 1 - lag] + 1) % SYMBOLS
                moved = np.linalg.norm(last(cell, params, other) - whole, axis=0)
                changes.append(np.mean(moved / np.linalg.norm(whole, axis=0)))
            axes.semilogy(lags, changes, marker=".", label=name)
        axes.set(xlabel="k (steps back)", ylabel="relative change of h⟨T⟩", ylim=(1e-8, 10))

    return _curves(draw)


@functools.cache
def counting(*cells: str) -> str:
    """The share of right answers by the length of a string, after training on 3–40 bits."""

    def draw(axes: Axes) -> None:
        for name in cells:
            sizes = [f"steps={PARITY_STEPS}", f"schedule.steps={PARITY_STEPS}", "batch_size=64"]
            task = ["experiment=parity", "dataset.every_step=true", "dataset.held_out=300"]
            session = rnnx.build([*task, *sizes, f"cell={name}", "tracker=none", "seed=0"])
            for _ in range(PARITY_STEPS):
                session.step()
            found = session.measure(with_profiles=True)
            assert found is not None
            places, shares = zip(*found.profiles["by_length/accuracy"], strict=True)
            axes.plot(places, shares, marker=".", label=name)
        axes.axhline(0.5, color="grey", linestyle=":", label="chance")
        axes.set(xlabel="bits of the string", ylabel="right answers", ylim=(0.4, 1.05))

    return _curves(draw)


def clipping() -> str:
    """The gradient's norm before clipping, and the loss, step by step with each clipper."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for clipper in ("none", "value", "global_norm"):
        session = rnnx.build(["experiment=clipping", f"clipper={clipper}"])
        norms, losses = [], []
        with suppress(Diverged):
            while session.steps < session.settings.steps:
                losses.append(session.step())
                norms.append(session.metrics.norm)
        diverged = len(norms) < session.settings.steps
        end = f", diverges at step {len(norms) + 1}" if diverged else ""
        steps, mark = range(1, len(norms) + 1), "x" if diverged else None
        upper.loglog(steps, norms, label=f"clipper={clipper}{end}", marker=mark)
        lower.loglog(steps, losses, marker=mark)
    upper.set(ylabel="‖gradient‖ before clipping")
    lower.set(xlabel="step", ylabel="loss (nats a character)")
    lower.axhline(log(27), color="grey", linestyle=":", label="ln 27, a blind guess")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend(framealpha=0)
    return svg(figure)


@functools.cache
def trained(cell: str) -> Session:
    """A small network trained on the names that come with rnnx; some two seconds."""
    sizes = [f"cell={cell}", "cell.hidden_size=48", "dropout=0", "batch_size=32"]
    sizes += ["backend=numpy", "threads=1", "input_dropout=0", "crossover=0", "averaging=0"]
    session = rnnx.build([*sizes, f"steps={TRAINING_STEPS}", "tracker=none"])
    for _ in range(TRAINING_STEPS):
        session.step()
    return session


def gates(name: str = NAME, of: str = "lstm") -> str:
    """Every unit's gates while the trained cell reads a name: units down, letters across."""
    session = trained(of)
    vocabulary, cell = session.corpus.vocabulary, session.network.cell
    assert isinstance(cell, GatedCell)
    titles = GATES if of == "lstm" else _directions(cell)
    ids = np.array([[-1, *vocabulary.encode(name)]]).T  # (T, 1): the zero vector comes first
    state = cell.initial_state(1, np.float32)
    _, _, cache = cell.forward(session.params["layer0"], ids, state, None, Scratch())
    found = cell.gates(cache)
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    several = figure.subplots(1, len(titles), sharey=True)
    for axes, (letter, title) in zip(several, titles.items(), strict=True):
        values = found[letter][:, :, 0].T  # (n_a, T)
        image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0, vmax=1)
        axes.set_xticks(range(len(ids)), ["·", *name], fontsize=8)
        axes.set_title(title, fontsize=10)
    several[0].set_ylabel("hidden unit")
    figure.colorbar(image, ax=several, shrink=0.9)
    return svg(figure)


def _directions(cell: GatedCell) -> dict[str, str]:
    """Which way each gate points: ``f = 1 keeps c``."""
    assert isinstance(cell, DescribedGates)
    return {gate: f"{gate} = 1 {words.at_one}" for gate, words in cell.gate_words.items()}


def temperature(beginning: str = BEGINNING) -> str:
    """The probabilities of the letter after ``beginning``, at several temperatures."""
    session = trained("lstm")
    vocabulary = session.corpus.vocabulary
    ids = np.array([[-1, *vocabulary.encode(beginning)]]).T
    network, params = session.network, session.params
    states = network.initial_state(1, np.float32)
    h, _, _ = network.forward(params, ids, states, None, Scratch())
    z = network.head.logits(params["head"], h, Scratch())[-1, :, 0].astype(np.float64)
    figure = Figure(figsize=(8.4, 2.6), layout="constrained")
    several = figure.subplots(1, len(TEMPERATURES), sharey=True)
    for axes, value in zip(several, TEMPERATURES, strict=True):
        weights = np.exp((z - z.max()) / value)
        axes.bar(range(len(z)), weights / weights.sum())
        symbols = [symbol.replace("\n", "⏎") for symbol in vocabulary.symbols]
        axes.set_xticks(range(len(z)), symbols, fontsize=6)
        axes.set_title(f"temperature {value}", fontsize=10)
    several[0].set_ylabel(f"p(letter after “{beginning}”)", fontsize=9)
    return svg(figure)


def _curves(draw: Callable[[Axes], None]) -> str:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.grid(alpha=0.3)
    axes.legend(framealpha=0)
    return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as SVG in the page's own colour, light or dark, and never wider than the page."""
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    text = io.StringIO()
    figure.savefig(text, format="svg")
    drawn = text.getvalue()[text.getvalue().index("<svg") :].replace("#000000", "currentColor")
    style = 'fill="currentColor" style="max-width: 100%; height: auto"'
    return drawn.replace("<svg", f"<svg {style}", 1)
