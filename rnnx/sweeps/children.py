"""A run that had finished before, shown below the sweep that skips it.

A sweep's run in the store has all its jobs below it. A run belongs to one store, and there it has
one parent. Where another sweep has it, this sweep gets a copy of its entry: params, tags and
metrics, and the tag ``rnnx.copy_of``, which names the entry with the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rnnx.config.components import component_from
from rnnx.contracts.trackers import RunSummary, StoreTracker, point_of
from rnnx.registry.manager import registry
from rnnx.runs.folder import RunFolder
from rnnx.runs.lock import RunLock
from rnnx.runs.metrics_file import lines
from rnnx.runs.outbox import POINTS_PER_CALL
from rnnx.runs.registration import COPY_TAG, SEARCHED, bring_up_to_date, ended_at, entry_of, told
from rnnx.runs.sweep_folder import PARENT_TAG


def show_below(
    folder: RunFolder,
    config: Mapping[str, Any],
    tags: Mapping[str, str],
    known: Mapping[str, Any] | None = None,
) -> str:
    """Let the store of the tracker ``config`` show a finished run below a sweep; its entry's id.

    ``tags`` are those of the sweep's job, ``known`` the fields of the run where they were just
    read. StoreError where the store does not answer.
    """
    if not has_store(str(config["name"])):  # a sweep may have thousands of such jobs
        entries = folder.entries if known is None else known.get("entries", ())
        return str([folder.id, *entries][-1])
    tracker: StoreTracker = component_from("tracker", config)
    with RunLock(folder):
        found = entry_of(folder, tracker)
        other = found.tags.get(PARENT_TAG, "") if found else ""
        if found and other not in ("", tags[PARENT_TAG]) and tracker.entry(other):
            bring_up_to_date(folder, config, read_back=False)
            return _copy(folder, tracker, found, tags)
        return bring_up_to_date(folder, config, tags, read_back=False).entry


def has_store(tracker: str) -> bool:
    """Whether the tracker of this name says which runs it has."""
    return issubclass(registry().get("tracker", tracker).component, StoreTracker)


def _copy(
    folder: RunFolder, tracker: StoreTracker, own: RunSummary, tags: Mapping[str, str]
) -> str:
    """The id of the copy of the run's entry below the sweep of ``tags``; made if it is not there.

    A copy whose maker was killed is found by its tags, and completed: points that a tracker has
    already do no harm.
    """
    made = next((r for r in tracker.runs(SEARCHED) if _is_copy(r, own, tags)), None)
    if made and made.status != "RUNNING":
        return made.id
    name, params, known = told(folder)
    marks = {**own.tags, **known, **tags, COPY_TAG: own.id}
    log = tracker.reopen(made.id) if made else tracker.start(name, params, marks)
    kept = lines(folder.metrics)
    while batch := [line for _, line in islice(kept, POINTS_PER_CALL)]:
        log.points([point for line in batch if (point := point_of(line))])
    log.finish("FINISHED", ended_at(folder))
    return str(log.id)


def _is_copy(run: RunSummary, own: RunSummary, tags: Mapping[str, str]) -> bool:
    is_copy = run.tags.get(COPY_TAG) == own.id
    return is_copy and run.tags.get(PARENT_TAG) == tags[PARENT_TAG]
