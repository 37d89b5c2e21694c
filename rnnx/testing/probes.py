"""The checks of ProbeSuite: what every probe must do."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

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
from rnnx.data.corpus import text_parts
from rnnx.data.targets import NEXT_SYMBOL
from rnnx.errors import InputError
from rnnx.models.heads import takes
from rnnx.models.network import Network
from rnnx.models.trained import Model
from rnnx.registry.manager import registry
from rnnx.testing.isolation import (
    Results,
    check_process_of,
    equal_results,
    isolation_checks,
)
from rnnx.testing.suite import CheckFailed, NotApplicable, expect, global_state, make_suite
from rnnx.training.progress import Progress
from rnnx.training.read_only import read_only
from rnnx.training.snapshot import take

T, B, N_Y = 5, 3, 6


def _network() -> Network:
    """Two layers of a built-in cell, with a built-in head for texts: the first of each by name."""
    own = [e for e in registry() if e.owner.distribution == "rnnx"]
    cell = next(e.component for e in own if e.kind == "cell")
    heads = (e.component() for e in own if e.kind == "head")
    head = next(head for head in heads if takes(head, NEXT_SYMBOL, has_weights=False))
    return Network(cell(hidden_size=8), head, N_Y, layers=2)


def observation(
    which: int = 0,
    lengths: tuple[int, ...] | None = (T, 2, 4),
    sizes: tuple[int, int] = (T, B),
    dtype: Any = np.float64,
) -> Observation:
    """A step of a network of two layers, on columns of ``lengths``.

    ``which`` chooses the values.
    """
    rng, network, (steps, columns) = np.random.default_rng(which), _network(), sizes
    params, grads = (network.init(rng, dtype) for _ in range(2))
    x, y = rng.integers(0, N_Y, (2, steps, columns))
    h, dh = rng.normal(size=(2, steps, network.cell.hidden_size, columns)).astype(dtype)
    given = None if lengths is None else np.array(lengths)
    return Observation(1, x, y, given, h, dh, params, grads, tuple("abcdef"), network)


def exercise(probe: Probe, which: int) -> Results:
    """Metrics and files of a step, and the names of its images."""
    found = _observe(probe, observation(which))
    metrics = {name: float(value) for name, value in found.metrics.items()}
    return {"metrics": metrics, "images": list(found.images), "files": dict(found.files)}


check_process, check_history, check_other_process = isolation_checks(exercise)


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
    """Metrics are floats by name and images are PNG by name; there is at least one of them.

    A probe that only concludes may find nothing in a step.
    """
    found = _observe(probe, observation())
    expect(
        isinstance(probe, ConcludingProbe) or any(found),
        "observe returned neither metrics nor images nor files",
    )
    check_found(found)


def check_found(found: Findings) -> None:
    """Names and types of all metrics, images and files."""
    expect(isinstance(found, Findings), f"a {type(found).__name__} was returned, not Findings")
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
    train, _ = text_parts(seen.corpus)
    ids = np.asarray(train.ids).copy()
    found: list[Findings] = []
    try:
        check_process_of(probe, lambda: found.append(probe.conclude(seen)))
    except InputError as error:
        _expect_one_line(error)
        return
    for one in found:
        check_found(one)
        equal_results(one.files, found[0].files, "two conclusions of one run: files")
        equal_results(one.metrics, found[0].metrics, "two conclusions of one run: metrics")
    expect(np.array_equal(seen.model.params.flat, before), "params: were changed in place")
    expect(np.array_equal(train.ids, ids), "the corpus's ids: were changed in place")
    with suppress(InputError):  # a probe may refuse a run without a held-out part
        check_found(probe.conclude(seen._replace(corpus=replace(seen.corpus, val=None))))


def check_changes_nothing(probe: Probe) -> None:
    """``observe`` changes no array of the observation, which is read-only during training."""
    seen, untouched = observation(), observation()
    try:
        with read_only(seen.params, (seen.x, seen.y, seen.h, seen.dh, seen.lengths)):
            _observe(probe, seen)
    except ValueError as error:
        expect("read-only" not in str(error), f"an array was changed in place: {error}")
        raise
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
    equal_results(one.metrics, two.metrics, "two observations of one step: metrics")
    equal_results(one.files, two.files, "two observations of one step: files")


BATCHES: tuple[tuple[tuple[int, ...] | None, tuple[int, int], type], ...] = (
    (None, (T, B), np.float32),
    (None, (T, B), np.float64),
    (None, (1, 1), np.float32),
    ((1, 1, 1), (1, 3), np.float64),
    ((40,), (40, 1), np.float32),
)


def check_any_batch(probe: Probe) -> None:
    """``observe`` takes a batch without lengths, of one step, of one column, and in float32."""
    for lengths, sizes, dtype in BATCHES:
        seen = observation(3, lengths, sizes, dtype)
        seen.x[0] = -1  # a line begins with the zero vector
        what = f"{sizes[0]} steps of {sizes[1]} columns, lengths {lengths}, {np.dtype(dtype)}"
        try:
            check_found(_observe(probe, seen))
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise CheckFailed(f"{what}: observe raised {error!r}") from error


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
    check_any_batch,
    check_process,
    check_history,
    check_other_process,
)

ProbeSuite = make_suite("probe", CHECKS)
