"""The runs of before: which of them a job repeats, and how long jobs like it took."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.config.identity import (
    changed_code,
    changed_data,
    config_hash,
    flat_params,
    identity_on,
    made_of,
)
from rnnx.contracts.components import KINDS
from rnnx.data.digest import split_sha256
from rnnx.errors import RnnxError
from rnnx.registry.checks import load_corpus
from rnnx.runs.folder import RunFolder
from rnnx.runs.known_runs import KnownRun, known_runs
from rnnx.runs.took import Took, shape_of


class Estimate(NamedTuple):
    """How long a job will take."""

    seconds: float
    runs: int  # how many finished runs it is estimated from


class Alike(NamedTuple):
    """A run that computes the same as a job."""

    folder: RunFolder
    is_whole: bool  # whether it had trained to its own end at the last look


class _Made(NamedTuple):
    """What a job's run would be made of."""

    fields: Mapping[str, Any]  # as in its run.json
    digest: str


class _Pace(NamedTuple):
    """The times of the runs of a shape."""

    fixed: float  # seconds of a run
    a_step: float  # seconds
    runs: int


class Records:
    """The runs below ``outputs``."""

    def __init__(self, outputs: str) -> None:
        self._known = known_runs(outputs)
        self._alike: dict[str, list[KnownRun]] = {}  # by the hash of the configuration
        self._took: dict[str, list[Took]] = {}  # by shape
        self._timed: dict[str, list[str]] = {}  # the folders of these runs
        self._pace: dict[str, _Pace] = {}  # by shape, where it was asked for
        self._digests: dict[str, tuple[str, str] | None] = {}  # of data sets
        self._made: dict[str, _Made | None] = {}  # by the components
        self.used: set[str] = set()  # the folders of the runs from which times were estimated
        for run in self._known:
            if run.config_hash:
                self._alike.setdefault(run.config_hash, []).append(run)
            if run.took is not None:
                self._took.setdefault(run.took.shape, []).append(run.took)
                self._timed.setdefault(run.took.shape, []).append(run.path)

    def of_now(self, values: Mapping[str, Any]) -> list[RunFolder]:
        """The runs of a configuration after another look, the newest first.

        It is looked at what is new, at runs that have not finished and at those of this
        configuration: a sweep of thousands of jobs asks before each.
        """
        hashed = config_hash(values)
        self._known.look(lambda run: run.config_hash == hashed or not run.is_whole)
        return [run.folder for run in self._known if run.config_hash == hashed]

    def alike(self, values: Mapping[str, Any]) -> list[Alike]:
        """The runs of a configuration on the data and with the code of now, the newest first."""
        runs = self._alike.get(config_hash(values), [])
        now = self._made_of(values) if runs else None
        if now is None:
            return []
        return [Alike(run.folder, run.is_whole) for run in runs if _is_same(run, now)]

    def finished(self, values: Mapping[str, Any]) -> RunFolder | None:
        """A run that has finished with what a job would compute; None where there is none."""
        return next((run.folder for run in self.alike(values) if run.is_whole), None)

    def estimate(self, values: Mapping[str, Any]) -> Estimate | None:
        """The time of a job by finished runs of its shape; None where none has it."""
        shape = shape_of(flat_params(values))
        if shape not in self._pace:
            if not (took := self._took.get(shape)):
                return None
            self._pace[shape] = _pace(took)
        self.used.update(self._timed.pop(shape, ()))
        pace = self._pace[shape]
        return Estimate(pace.fixed + pace.a_step * int(values["steps"]), pace.runs)

    def _made_of(self, values: Mapping[str, Any]) -> _Made | None:
        """What the job's run would be made of; None where its data cannot be read."""
        chosen = {kind: values.get(kind) for kind in (*KINDS, "probes")}
        text = json.dumps(chosen, sort_keys=True, default=str)
        about = hashlib.sha256(text.encode()).hexdigest()  # jobs may be many
        if about not in self._made:
            digests = self._digests_of(values["dataset"])
            now = digests and identity_on(values, *digests)._asdict()
            self._made[about] = _Made(now, made_of(now)) if now else None
        return self._made[about]

    def _digests_of(self, dataset: Any) -> tuple[str, str] | None:
        """The digests of the data and of its split."""
        about = json.dumps(dataset, sort_keys=True, default=str)
        if about not in self._digests:
            try:
                corpus = load_corpus(component_from("dataset", dataset))
                self._digests[about] = (corpus.sha256, split_sha256(corpus))
            except (RnnxError, OSError):  # the job says what is wrong
                self._digests[about] = None
        return self._digests[about]


def _is_same(run: KnownRun, now: _Made) -> bool:
    """Whether a run was made of the same data with the same code."""
    if run.made_of and run.made_of == now.digest:
        return True
    fields = run.folder.read()  # in which a component that is no more may count for nothing
    return not changed_data(fields, now.fields) and not changed_code(fields, now.fields)


def _pace(took: Sequence[Took]) -> _Pace:
    """A run takes a time whatever its steps are, the shortest that any run spent on other things
    than updates, and beside it a time a step. The longer runs tell that one: evaluations and
    samples come every so many steps.
    """
    fixed = min(one.seconds - one.training for one in took)
    longest = max(one.steps for one in took)
    long = [one for one in took if 2 * one.steps >= longest]
    a_step = statistics.median((one.seconds - fixed) / one.steps for one in long)
    return _Pace(fixed, a_step, len(took))
