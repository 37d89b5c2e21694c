"""The runs of before: which of them a job repeats, and how long jobs like it took."""

from __future__ import annotations

import functools
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.config.identity import (
    Identity,
    changed_code,
    changed_data,
    config_hash,
    flat_params,
    identity_on,
    versions,
)
from rnnx.contracts.trackers import is_time
from rnnx.data.digest import split_sha256
from rnnx.errors import RnnxError
from rnnx.registry.checks import load_corpus
from rnnx.runs.folder import RunFolder
from rnnx.runs.known_runs import KnownRuns, known_runs

# What decides how long an update takes, beside the sizes and choices of the components.
SIZES = (
    *("batch_size", "accumulate", "layers", "dtype", "backend"),
    *("optimizer.name", "clipper.name"),
)
ONE_BATCH = ("accumulate", "1")  # runs of earlier versions do not name it
COMPONENTS = ("dataset.", "cell.", "head.", "probes.")


class Estimate(NamedTuple):
    """How long a job will take."""

    seconds: float
    runs: int  # how many finished runs it is estimated from


class Alike(NamedTuple):
    """A run that computes the same as a job."""

    folder: RunFolder
    fields: Mapping[str, Any]  # of its run.json

    @property
    def is_whole(self) -> bool:
        """See :func:`is_whole`."""
        return is_whole(self.fields)


class _Took(NamedTuple):
    """The time of a finished run."""

    shape: object
    seconds: float  # from its beginning to its end
    training: float  # of these in updates; all of them where an earlier rnnx kept no such time
    steps: int


class Records:
    """The runs below ``outputs``; ``with_times``: how long they took, too."""

    def __init__(self, outputs: str, with_times: bool = False) -> None:
        self._outputs = outputs
        self._alike: dict[str, list[str]] = {}  # by the hash of the configuration
        self._took: dict[object, list[_Took]] = defaultdict(list)  # by shape
        self._timed: dict[object, list[str]] = {}  # the folders of these runs
        self._digests: dict[str, tuple[str, str] | None] = {}  # of data sets
        self._versions: dict[tuple[str, ...], Mapping[str, str]] = {}
        self.used: set[str] = set()  # the folders of the runs from which times were estimated
        self._add(KnownRuns(outputs, _took) if with_times else known_runs(outputs))

    def _add(self, known: KnownRuns) -> None:
        self._alike = {}
        for run in known:
            if run.config_hash:
                self._alike.setdefault(run.config_hash, []).append(run.path)
            if run.kept is not None:
                self._took[run.kept.shape].append(run.kept)
                self._timed.setdefault(run.kept.shape, []).append(run.path)

    def of_now(self, values: Mapping[str, Any]) -> list[RunFolder]:
        """The runs of a configuration after another look, the newest first."""
        self._add(known_runs(self._outputs))
        return [RunFolder(Path(path)) for path in self._alike.get(config_hash(values), [])]

    def alike(self, values: Mapping[str, Any]) -> list[Alike]:
        """The runs of a configuration on the data and with the code of now, the newest first."""
        paths = self._alike.get(config_hash(values), [])
        now = self._identity(values) if paths else None
        if now is None:
            return []
        folders = [RunFolder(Path(path)) for path in paths]
        found = [Alike(folder, folder.read()) for folder in folders]
        return [
            run
            for run in found
            if not changed_data(run.fields, now) and not changed_code(run.fields, now)
        ]

    def finished(self, values: Mapping[str, Any]) -> Alike | None:
        """A run that has finished with what a job would compute; None where there is none."""
        return next((run for run in self.alike(values) if run.is_whole), None)

    def estimate(self, values: Mapping[str, Any]) -> Estimate | None:
        """The time of a job by finished runs of its shape; None where none has it.

        A run takes a time whatever its steps are, the shortest that any run spent on other things
        than updates, and beside it a time a step. The longer runs tell that one: evaluations and
        samples come every so many steps.
        """
        shape = _shape(flat_params(values))
        took = self._took.get(shape)
        if not took:
            return None
        self.used.update(self._timed[shape])
        fixed = min(one.seconds - one.training for one in took)
        longest = max(one.steps for one in took)
        long = [one for one in took if 2 * one.steps >= longest]
        a_step = statistics.median((one.seconds - fixed) / one.steps for one in long)
        return Estimate(fixed + a_step * int(values["steps"]), len(took))

    def _identity(self, values: Mapping[str, Any]) -> Identity | None:
        """What the job's metrics are a function of; None where its data cannot be read."""
        about = json.dumps(values["dataset"], sort_keys=True, default=str)
        if about not in self._digests:
            try:
                corpus = load_corpus(component_from("dataset", values["dataset"]))
                self._digests[about] = (corpus.sha256, split_sha256(corpus))
            except (RnnxError, OSError):  # the job says what is wrong
                self._digests[about] = None
        digests = self._digests[about]
        if digests is None:
            return None
        names = tuple(_texts(values))  # versions are those of what the configuration names
        if names not in self._versions:
            self._versions[names] = versions(values)
        return identity_on(values, *digests, self._versions[names])


def is_whole(fields: Mapping[str, Any]) -> bool:
    """Whether a run has trained to its own end, by the fields of its run.json."""
    return fields.get("status") == "FINISHED" and not fields.get("pruned")


def _took(known: Mapping[str, Any]) -> _Took | None:
    """How long an update of a finished run took, by the fields of its run.json."""
    params = known.get("told", {}).get("params")
    if known.get("status") != "FINISHED" or params is None:
        return None
    began, ended, steps = known.get("started"), known.get("ended"), known.get("steps")
    if steps is None and params.get("patience") == "0":  # of an earlier rnnx
        steps = int(params["steps"]) if str(params.get("steps", "")).isdecimal() else 0
    if not (is_time(began) and is_time(ended) and type(steps) is int and steps > 0):
        return None
    seconds = float(ended - began)
    if not 0 < seconds < math.inf:
        return None
    training = known.get("metrics", {}).get("final/seconds")
    own = min(float(training), seconds) if is_time(training) else seconds
    return _Took(_shape(params), seconds, own, steps)


def _shape(params: Mapping[str, str]) -> object:
    """What decides how long an update takes, of flat parameters as text.

    Numbers with a decimal point (rates, biases) and initializers decide nothing about it.
    """
    return frozenset((key, value) for key, value in params.items() if _decides(key, value))


@functools.lru_cache(maxsize=4096)  # thousands of runs share most of their parameters
def _decides(key: str, value: str) -> bool:
    is_of_component = key.startswith(COMPONENTS) and ".weights." not in key
    is_size = key in SIZES and (key, value) != ONE_BATCH
    return is_size or (is_of_component and not _is_fraction(value))


def _is_fraction(value: str) -> bool:
    try:
        return not value.lstrip("+-").isdecimal() and not math.isnan(float(value))
    except ValueError:
        return False


def _texts(value: Any) -> Iterator[str]:
    """Every key and every text in nested mappings."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
