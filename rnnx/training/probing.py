"""A probe's look at a step: it changes nothing, and costs a run nothing if it fails."""

from __future__ import annotations

import os
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
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import contract_error
from rnnx.training.read_only import read_only


class Probing:
    """The probes of a run: which of them observe a step, and what they find.

    A probe that failed is not asked again: an image is not worth a run.
    """

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = dict(probes)

    def is_due(self, step: int) -> bool:
        """Whether any probe observes this step."""
        return any(step == 1 or step % probe.every == 0 for probe in self._probes.values())

    def findings(self, seen: Observation) -> Iterator[tuple[str, Findings | PluginError]]:
        """What each probe that is due found, by its name, or the error that names it."""
        for name, probe in list(self._probes.items()):
            if seen.step == 1 or seen.step % probe.every == 0:
                found = observe(probe, seen)
                if isinstance(found, PluginError):
                    del self._probes[name]
                yield name, found


def observe(probe: Probe, seen: Observation) -> Findings | PluginError:
    """What a probe found, or the error that names it."""
    try:
        with attributing(), _untouched(seen), _same_folder(probe):
            return _checked(probe, "observe", probe.observe(seen))
    except PluginError as error:
        return error


def conclude(probe: ConcludingProbe, outcome: Outcome) -> Findings | RnnxError:
    """What a probe found in the finished run, or why not: it may refuse a data set, too."""
    try:
        with attributing(), _same_folder(probe):
            return _checked(probe, "conclude", probe.conclude(outcome))
    except RnnxError as error:
        return error


@contextmanager
def _same_folder(probe: Probe) -> Iterator[None]:
    """Go back to the working directory, where a run's paths begin; refuse a probe that left it."""
    before = os.getcwd()
    try:
        yield
    finally:
        after = os.getcwd()
        os.chdir(before)
    if after != before:
        raise contract_error("probe", probe, "changes the working directory; it was put back")


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
        what = f"{method} returned {type(found).__name__}, expected rnnx.Findings(metrics, images)"
        raise contract_error("probe", probe, what)
    if not all(isinstance(part, Mapping) for part in found):
        raise contract_error(
            "probe", probe, f"{method}: metrics, images and files are dicts by name"
        )
    for key, value in found.metrics.items():
        if not (isinstance(key, str) and is_key(key)):
            raise contract_error("probe", probe, f"{method}: {key!r:.60} cannot be a metric's name")
        if not isinstance(value, int | float | np.number) or isinstance(value, np.complexfloating):
            raise contract_error(
                "probe", probe, f"{method}: {key} is {type(value).__name__}, expected float"
            )
    for name, png in found.images.items():
        if not (isinstance(name, str) and is_image_name(name)):
            what = "an image's name has small letters, digits and _"
            raise contract_error("probe", probe, f"{method}: {name!r:.60}: {what}")
        if not isinstance(png, bytes) or not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise contract_error("probe", probe, f"{method}: image {name} is no PNG's bytes")
    for name, data in found.files.items():
        if not (isinstance(name, str) and is_file_name(name) and isinstance(data, bytes)):
            what = "a file's name has letters, digits, _ . and -, and its content is bytes"
            raise contract_error("probe", probe, f"{method}: {name!r:.60}: {what}")
    return found
