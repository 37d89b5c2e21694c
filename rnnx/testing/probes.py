"""What every probe has to do: the checks of ProbeSuite."""

from __future__ import annotations

import re

import numpy as np

from rnnx.api import build
from rnnx.contracts.probes import (
    ConcludingProbe,
    Findings,
    Observation,
    Outcome,
    Probe,
    is_file_name,
)
from rnnx.errors import InputError
from rnnx.models.network import Network
from rnnx.models.trained import Model
from rnnx.registry.manager import registry
from rnnx.testing.suite import NotApplicable, expect, global_state, make_suite
from rnnx.training.progress import Progress
from rnnx.training.snapshot import take

T, B, N_Y = 5, 3, 6


def _network() -> Network:
    """Two layers of a cell of rnnx's own, which may be any: the first by name."""
    own = [e for e in registry() if e.owner.distribution == "rnnx"]
    cell, head = (next(e.component for e in own if e.kind == kind) for kind in ("cell", "head"))
    return Network(cell(), head(), N_Y, layers=2)


def observation() -> Observation:
    """A step of a network of two layers on three columns of unlike lengths."""
    rng, network = np.random.default_rng(0), _network()
    params, grads = (network.init(rng, np.float64) for _ in range(2))
    x, y = rng.integers(0, N_Y, (2, T, B))
    lengths = np.array([T, 2, 4])
    h, dh = rng.normal(size=(2, T, network.cell.hidden_size, B))
    return Observation(1, x, y, lengths, h, dh, params, grads, tuple("abcdef"), network)


def _observe(probe: Probe, seen: Observation) -> Findings:
    """What it found; a figure of ours where it refuses a data set of letters, in one line."""
    try:
        return probe.observe(seen)
    except InputError as error:
        expect(bool(str(error)) and "\n" not in str(error), "it refuses in more than one line")
        return Findings({"refused": 1.0}, {})


def check_findings(probe: Probe) -> None:
    """Figures are numbers by metric name, pictures are PNG; there is at least one of either."""
    found = _observe(probe, observation())
    expect(bool(found.figures or found.pictures), "observe found neither figures nor pictures")
    check_found(found)


def check_found(found: Findings) -> None:
    """Names and types of what a probe found."""
    for key, value in found.figures.items():
        expect(bool(re.fullmatch(r"[\w./-]+", key)), f"figure {key!r}: is not a metric's name")
        expect(isinstance(value, float), f"figure {key}: is {type(value).__name__}, not float")
    for name, png in found.pictures.items():
        expect(bool(re.fullmatch(r"[a-z0-9_]+", name)), f"picture {name!r}: use a-z, 0-9 and _")
        expect(bytes(png[:8]) == b"\x89PNG\r\n\x1a\n", f"picture {name}: is not a PNG")
    for name, data in found.files.items():
        expect(is_file_name(name), f"file {name!r}: use letters, digits and _ . -")
        expect(isinstance(data, bytes), f"file {name}: is {type(data).__name__}, not bytes")


def outcome() -> Outcome:
    """The end of a run of one step: rnnx's default experiment, but for a small network."""
    session = build(["steps=1", "layers=1", "cell.hidden_size=4", "batch_size=2"])
    session.step()
    model = Model(take(session, Progress(), {}))
    return Outcome(model, session.corpus, 3)


def check_conclusion(probe: Probe) -> None:
    """A probe that looks at a run's end finds the same twice and changes nothing.

    What another data set's run comes to it may refuse, in one line.
    """
    if not isinstance(probe, ConcludingProbe):
        raise NotApplicable("the probe has no conclude: it looks at steps alone")
    seen = outcome()
    before = seen.model.params.flat.copy()
    try:
        one, two = probe.conclude(seen), probe.conclude(seen)
    except InputError as error:
        expect(bool(str(error)) and "\n" not in str(error), "it refuses in more than one line")
        return
    check_found(one)
    expect(dict(one.figures) == dict(two.figures), "two looks at one end give other figures")
    expect(dict(one.files) == dict(two.files), "two looks at one end give other files")
    same = np.array_equal(seen.model.params.flat, before)
    expect(same, "params: were changed in place")


def check_changes_nothing(probe: Probe) -> None:
    """What a probe sees is afterwards what it was."""
    seen, untouched = observation(), observation()
    _observe(probe, seen)
    pairs = [
        (name, getattr(seen, name), getattr(untouched, name)) for name in ("x", "y", "h", "dh")
    ]
    pairs += [("params", seen.params.flat, untouched.params.flat)]
    pairs += [("grads", seen.grads.flat, untouched.grads.flat)]
    for name, found, expected in pairs:
        expect(np.array_equal(found, expected), f"{name}: was changed in place")


def check_determinism(probe: Probe) -> None:
    """The same step gives the same figures, and NumPy's global generator is left alone."""
    before = global_state()
    one, two = _observe(probe, observation()), _observe(probe, observation())
    expect(global_state() == before, "NumPy's global generator was used; training may need it")
    expect(dict(one.figures) == dict(two.figures), "two looks at one step give other figures")


def check_every(probe: Probe) -> None:
    """``every`` is a whole number of at least 1."""
    every = getattr(probe, "every", None)
    expect(isinstance(every, int) and every >= 1, f"every={every!r}: must be at least 1")


CHECKS = (
    check_findings,
    check_changes_nothing,
    check_determinism,
    check_every,
    check_conclusion,
)

ProbeSuite = make_suite("probe", CHECKS)
