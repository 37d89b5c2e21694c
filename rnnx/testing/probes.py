"""The checks of ProbeSuite: what every probe must do."""

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
    """Two layers of a built-in cell, with a built-in head: the first of each by name."""
    own = [e for e in registry() if e.owner.distribution == "rnnx"]
    cell, head = (next(e.component for e in own if e.kind == kind) for kind in ("cell", "head"))
    return Network(cell(), head(), N_Y, layers=2)


def observation() -> Observation:
    """A step of a network of two layers, on three columns of different lengths."""
    rng, network = np.random.default_rng(0), _network()
    params, grads = (network.init(rng, np.float64) for _ in range(2))
    x, y = rng.integers(0, N_Y, (2, T, B))
    lengths = np.array([T, 2, 4])
    h, dh = rng.normal(size=(2, T, network.cell.hidden_size, B))
    return Observation(1, x, y, lengths, h, dh, params, grads, tuple("abcdef"), network)


def _observe(probe: Probe, seen: Observation) -> Findings:
    """The probe's findings; one metric instead where it refuses a data set of letters."""
    try:
        return probe.observe(seen)
    except InputError as error:
        _expect_one_line(error)
        return Findings({"refused": 1.0})


def _expect_one_line(error: InputError) -> None:
    text = str(error)
    expect(bool(text) and "\n" not in text, f"an error must have one line, this has: {text!r}")


def check_findings(probe: Probe) -> None:
    """Metrics are floats by name and images are PNG by name; there is at least one of them."""
    found = _observe(probe, observation())
    expect(bool(found.metrics or found.images), "observe returned neither metrics nor images")
    check_found(found)


def check_found(found: Findings) -> None:
    """Names and types of all metrics, images and files."""
    for key, value in found.metrics.items():
        expect(bool(re.fullmatch(r"[\w./-]+", key)), f"metric {key!r}: is not a metric's name")
        expect(isinstance(value, float), f"metric {key}: is {type(value).__name__}, not float")
    for name, png in found.images.items():
        expect(bool(re.fullmatch(r"[a-z0-9_]+", name)), f"image {name!r}: use a-z, 0-9 and _")
        expect(bytes(png[:8]) == b"\x89PNG\r\n\x1a\n", f"image {name}: is not a PNG")
    for name, data in found.files.items():
        expect(is_file_name(name), f"file {name!r}: use letters, digits and _ . -")
        expect(isinstance(data, bytes), f"file {name}: is {type(data).__name__}, not bytes")


def outcome() -> Outcome:
    """The end of a run of one step: the default experiment with a small network."""
    session = build(["steps=1", "layers=1", "cell.hidden_size=4", "batch_size=2"])
    session.step()
    model = Model(take(session, Progress(), {}))
    return Outcome(model, session.corpus, 3)


def check_conclusion(probe: Probe) -> None:
    """``conclude`` returns the same for the same run and changes no parameters.

    It may refuse a run on another data set, in one line.
    """
    if not isinstance(probe, ConcludingProbe):
        raise NotApplicable("the probe has no conclude: it observes only steps")
    seen = outcome()
    before = seen.model.params.flat.copy()
    try:
        one, two = probe.conclude(seen), probe.conclude(seen)
    except InputError as error:
        _expect_one_line(error)
        return
    check_found(one)
    expect(dict(one.metrics) == dict(two.metrics), "two conclusions of one run: metrics differ")
    expect(dict(one.files) == dict(two.files), "two conclusions of one run: files differ")
    same = np.array_equal(seen.model.params.flat, before)
    expect(same, "params: were changed in place")


def check_changes_nothing(probe: Probe) -> None:
    """``observe`` changes no array of the observation."""
    seen, untouched = observation(), observation()
    _observe(probe, seen)
    names = ("x", "y", "lengths", "h", "dh")
    pairs = [(name, getattr(seen, name), getattr(untouched, name)) for name in names]
    pairs += [("params", seen.params.flat, untouched.params.flat)]
    pairs += [("grads", seen.grads.flat, untouched.grads.flat)]
    for name, found, expected in pairs:
        expect(np.array_equal(found, expected), f"{name}: was changed in place")


def check_determinism(probe: Probe) -> None:
    """The same step gives the same metrics, and NumPy's global generator is not used."""
    before = global_state()
    one, two = _observe(probe, observation()), _observe(probe, observation())
    expect(global_state() == before, "NumPy's global generator was used; make one of your own")
    expect(dict(one.metrics) == dict(two.metrics), "two observations of one step: metrics differ")


def check_every(probe: Probe) -> None:
    """``every`` is an integer of at least 1."""
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
