"""A probe's look at a step: it changes nothing, and costs a run nothing if it fails."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnx.answers import fault
from rnnx.blame import answering
from rnnx.contracts import Probe
from rnnx.errors import PluginError
from rnnx.firststep import read_only
from rnnx.records import Findings, Observation, is_key, is_picture


def observe(probe: Probe, seen: Observation) -> Findings | PluginError:
    """What a probe found, or the error that names it."""
    try:
        with answering(), _untouched(seen):
            return _checked(probe, probe.observe(seen))
    except PluginError as error:
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


def _checked(probe: Probe, found: Any) -> Findings:
    if not isinstance(found, Findings):
        what = f"observe returned {type(found).__name__}, expected rnnx.Findings(figures, pictures)"
        raise fault("probe", probe, what)
    if not isinstance(found.figures, Mapping) or not isinstance(found.pictures, Mapping):
        raise fault("probe", probe, "observe: figures and pictures are dicts by name")
    for key, value in found.figures.items():
        if not (isinstance(key, str) and is_key(key)):
            raise fault("probe", probe, f"observe: {key!r:.60} cannot be a metric's name")
        if not isinstance(value, int | float | np.number) or isinstance(value, np.complexfloating):
            raise fault("probe", probe, f"observe: {key} is {type(value).__name__}, expected float")
    for name, png in found.pictures.items():
        if not (isinstance(name, str) and is_picture(name)):
            what = "a picture's name has small letters, digits and _"
            raise fault("probe", probe, f"observe: {name!r:.60}: {what}")
        if not isinstance(png, bytes) or not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise fault("probe", probe, f"observe: picture {name} is no PNG's bytes")
    return found
