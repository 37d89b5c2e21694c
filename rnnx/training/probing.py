"""A probe's look at a step: it changes nothing, and costs a run nothing if it fails."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnx.contracts.probes import (
    ConcludingProbe,
    Findings,
    Observation,
    Outcome,
    Probe,
    is_file_name,
    is_image_name,
)
from rnnx.contracts.trackers import is_key
from rnnx.errors import PluginError, RnnxError
from rnnx.registry.attribution import answering
from rnnx.registry.checks import fault
from rnnx.training.first_step import read_only


def observe(probe: Probe, seen: Observation) -> Findings | PluginError:
    """What a probe found, or the error that names it."""
    try:
        with answering(), _untouched(seen):
            return _checked(probe, "observe", probe.observe(seen))
    except PluginError as error:
        return error


def conclude(probe: ConcludingProbe, outcome: Outcome) -> Findings | RnnxError:
    """What a probe found in the finished run, or why not: it may refuse a data set, too."""
    try:
        with answering():
            return _checked(probe, "conclude", probe.conclude(outcome))
    except RnnxError as error:
        return error


@contextmanager
def _untouched(seen: Observation) -> Iterator[None]:
    """Writing to what is seen is an error; the global generators are afterwards where they were."""
    drawn: Any = np.random.get_state()
    own = random.getstate()
    try:
        with read_only(seen.params, (seen.x, seen.y, seen.h, seen.dh, seen.lengths)):
            yield
    finally:
        np.random.set_state(drawn)
        random.setstate(own)


def _checked(probe: Probe, method: str, found: Any) -> Findings:
    if not isinstance(found, Findings):
        what = (
            f"{method} returned {type(found).__name__}, expected rnnx.Findings(figures, pictures)"
        )
        raise fault("probe", probe, what)
    if not all(isinstance(part, Mapping) for part in found):
        raise fault("probe", probe, f"{method}: figures, pictures and files are dicts by name")
    for key, value in found.figures.items():
        if not (isinstance(key, str) and is_key(key)):
            raise fault("probe", probe, f"{method}: {key!r:.60} cannot be a metric's name")
        if not isinstance(value, int | float | np.number) or isinstance(value, np.complexfloating):
            raise fault(
                "probe", probe, f"{method}: {key} is {type(value).__name__}, expected float"
            )
    for name, png in found.pictures.items():
        if not (isinstance(name, str) and is_image_name(name)):
            what = "a picture's name has small letters, digits and _"
            raise fault("probe", probe, f"{method}: {name!r:.60}: {what}")
        if not isinstance(png, bytes) or not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise fault("probe", probe, f"{method}: picture {name} is no PNG's bytes")
    for name, data in found.files.items():
        if not (isinstance(name, str) and is_file_name(name) and isinstance(data, bytes)):
            what = "a file's name has letters, digits, _ . and -, and its content is bytes"
            raise fault("probe", probe, f"{method}: {name!r:.60}: {what}")
    return found
