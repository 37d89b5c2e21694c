"""A run's entry in the store of its tracker: found, or made from the run's folder.

The folder is the truth, and an entry is a copy of it. A run belongs to one store. Where that store
has no entry of it (it was deleted there; the run began with another store, or with none; the folder
is a copy of one whose entry it is) the run gets a new one and is sent there whole. run.json keeps

    told         the params and tags that the tracker was told when the run began
    entries      the ids of other entries than the one of the folder's id, and last the one in use
    registering  the tag by which an entry is found again whose maker was killed
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.config.identity import flat_params
from rnnx.contracts.trackers import (
    STARTED_TAG,
    RunLog,
    RunSummary,
    StoreTracker,
    Tracker,
    is_key,
    is_time,
)
from rnnx.errors import CheckpointError, StoreError
from rnnx.runs.folder import FOLDER_TAG, NEW, RunFolder
from rnnx.runs.outbox import Outbox
from rnnx.runs.saved import checkpoint_entries, kept_parts
from rnnx.runs.stored_config import stored_config
from rnnx.runs.sweep_folder import PARENT_TAG
from rnnx.runs.whereabouts import is_anothers
from rnnx.system.text import cause

COPY_TAG = "rnnx.copy_of"  # of an entry that shows a run below a second sweep: the run's own entry
PLACE_TAG = "rnnx.folder"  # of an entry: the path of the run's folder
SEARCHED = 1000  # of the newest entries, for one whose maker was killed
ENDED = ("FINISHED", "FAILED", "KILLED")
KILLED = "its process was killed"


class Told(NamedTuple):
    """What a tracker is told at the start of a run."""

    name: str
    params: dict[str, str]
    tags: dict[str, str]


def told(folder: RunFolder) -> Told:
    """What the tracker was told when the run began; of an earlier rnnx's run what is known."""
    known = folder.read()
    kept = known.get("told")
    kept = kept if isinstance(kept, dict) else {}
    params = _texts(kept.get("params")) or flat_params(stored_config(folder))
    tags = {**_texts(kept.get("tags")), **_texts(known.get("tags")), PLACE_TAG: _place(folder)}
    tags.pop(FOLDER_TAG, None)
    if is_time(known.get("started")):
        tags[STARTED_TAG] = str(known["started"])
    return Told(str(known.get("name", "")), params, tags)


def _texts(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {k: v for k, v in pairs if isinstance(k, str) and is_key(k) and isinstance(v, str)}


def _place(folder: RunFolder) -> str:
    return str(folder.path.resolve())


def entry_of(folder: RunFolder, tracker: StoreTracker) -> RunSummary | None:
    """The entry that the store has of this very folder, the newest; None where it has none."""
    for run_id in reversed([folder.id, *folder.entries]):
        found = tracker.entry(run_id)
        if found is not None and not is_anothers(folder, found.folder):
            return found
    return None


def register(
    folder: RunFolder, tracker: StoreTracker, outbox: Outbox, tags: Mapping[str, str]
) -> str:
    """Make an entry and have the outbox send it everything; its id. The caller holds the lock.

    ``tags`` take precedence over those that the run had.
    """
    name, params, own = told(folder)
    mark = folder.read().get("registering") or (folder.id if folder.is_new else "")
    made = ""
    if isinstance(mark, str) and mark.startswith(NEW):
        made = next((r.id for r in tracker.runs(SEARCHED) if r.tags.get(FOLDER_TAG) == mark), "")
    else:
        mark = f"{NEW}{uuid.uuid4().hex}"
        folder.write({"registering": mark})
    if PARENT_TAG not in tags and (parent := own.get(PARENT_TAG)) and not tracker.entry(parent):
        del own[PARENT_TAG]  # a sweep's run that is not in this store
    made = made or tracker.start(name, params, {**own, **tags, FOLDER_TAG: mark}).id
    outbox.begin_again({**tags, PLACE_TAG: _place(folder)})
    _make_newest(folder, made)
    folder.write({"registering": ""})
    return made


def _make_newest(folder: RunFolder, entry: str) -> None:
    folder.write({"entries": [*(one for one in folder.entries if one != entry), entry]})


def open_run(folder: RunFolder, tracker: Tracker) -> RunLog:
    """The tracker's run of a folder, begun here if the tracker was away when the run began.

    The run still trains, and its outbox has everything that is sent afterwards.
    """
    mark = folder.read().get("registering")
    if not mark:
        return tracker.reopen(folder.entry)
    made = next((r.id for r in tracker.runs(SEARCHED) if r.tags.get(FOLDER_TAG) == mark), "")
    name, _, tags = told(folder)
    log = tracker.reopen(made) if made else tracker.start(name, {}, {**tags, FOLDER_TAG: mark})
    _make_newest(folder, log.id)
    folder.write({"registering": ""})
    return log


def new_entry_note(folder: RunFolder, entry: str) -> str:
    """What to tell the user of an entry that was made."""
    return f"run {folder.id[:8]}: its store had no entry of it; it is sent there whole as {entry}"


def tracker_for(
    folder: RunFolder, given: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | None:
    """The configuration of the run's tracker: ``given`` if that has a store, else the run's own.

    None where the run's configuration cannot be read.
    """
    if given is not None and isinstance(component_from("tracker", given), StoreTracker):
        return given
    with suppress(CheckpointError):
        own: Mapping[str, Any] = stored_config(folder)["tracker"]
        return own
    return None


def is_same_tracker(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    """Whether two configurations are of one tracker: that of an earlier rnnx may lack a field."""
    return one is not None and (
        one == other or component_from("tracker", one) == component_from("tracker", other)
    )


class Attached(NamedTuple):
    """The entry of a run in the store to which it belongs from now on."""

    entry: str
    is_new: bool  # made now: the outbox has everything to send
    found: RunSummary | None  # what the store had of it


def attach(
    folder: RunFolder, config: Mapping[str, Any], outbox: Outbox, tags: Mapping[str, str]
) -> Attached:
    """Find or make the run's entry with the tracker ``config``; the caller holds the run's lock.

    An unfinished entry in the store that the run leaves is ended. StoreError where the store
    does not answer.
    """
    tracker, before = component_from("tracker", config), tracker_for(folder)
    if not isinstance(tracker, StoreTracker):
        if folder.read().get("registering"):
            return Attached(open_run(folder, tracker).id, True, None)
        return Attached(folder.entry, False, None)
    found = entry_of(folder, tracker)
    if found is None:
        entry = register(folder, tracker, outbox, tags)
    else:
        entry = found.id
        if entry != folder.entry:  # it was in another store meanwhile, which has been sent more
            outbox.begin_again(tags)
            _make_newest(folder, entry)
    if before is not None and not is_same_tracker(before, config):
        folder.write_config({**stored_config(folder), "tracker": dict(config)})
        _leave(folder, before, entry)
    return Attached(entry, found is None, found)


class Brought(NamedTuple):
    """What was done to bring a store up to date."""

    entry: str  # the id of the run's entry
    is_new: bool  # whether the entry was made now
    sent: int  # points and other things
    damaged: int  # lines and rows that were left out


def bring_up_to_date(
    folder: RunFolder,
    config: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    read_back: bool = True,
) -> Brought:
    """Let the store of the tracker ``config`` have everything; the caller holds the run's lock.

    ``tags`` are set on the run's entry. A run whose process was killed is ended. Without
    ``read_back`` a store that was sent everything is believed to have it.
    """
    with Outbox(folder.path) as outbox:
        _end_killed(folder)
        try:
            attached = attach(folder, config, outbox, tags or {})
            _add_end(folder, outbox)
            if attached.found:
                _add_what_it_lacks(folder, outbox, attached.found, tags or {})
            left = outbox.count()
            if left or read_back:
                log = component_from("tracker", config).reopen(attached.entry)
                left = outbox.deliver_again(log)
        except StoreError as error:
            unsent = f"{outbox.count()} points and files are left: rnnx sync {folder.handle}"
            raise StoreError(f"run {folder.id[:8]}: {error}; {unsent}") from error
        except Exception as error:  # whatever a tracker raises
            raise StoreError(
                f"run {folder.id[:8]}: the tracker does not answer ({cause(error)}); "
                f"{outbox.count()} points and files are left, try again later"
            ) from error
        folder.write({"sent": True})
        return Brought(attached.entry, attached.is_new, left - outbox.damaged, outbox.damaged)


def _end_killed(folder: RunFolder) -> None:
    """End a run that is called RUNNING and on which nobody works: the caller has its lock."""
    if folder.read().get("status") == "RUNNING":
        wrote = folder.metrics if folder.metrics.exists() else folder.config
        folder.write({"status": "KILLED", "reason": KILLED, "ended": wrote.stat().st_mtime})


def _add_end(folder: RunFolder, outbox: Outbox) -> None:
    """Add how the run ended, and its checkpoints, where its process was killed before it could."""
    status = str(folder.read().get("status"))
    if status in ENDED and not outbox.ends_with(status):
        outbox.add("checkpoints", checkpoint_entries(folder))
        if reason := str(folder.read().get("reason", "")):
            outbox.add("tags", {"reason": reason})
        outbox.add("finish", status, ended_at(folder))


def _add_what_it_lacks(
    folder: RunFolder, outbox: Outbox, found: RunSummary, tags: Mapping[str, str]
) -> None:
    """Add to the outbox what the entry does not say yet: where the folder is, and its end."""
    own = {**tags, PLACE_TAG: _place(folder)}
    lacking = {key: value for key, value in own.items() if found.tags.get(key) != value}
    status = str(folder.read().get("status"))
    if lacking:
        outbox.add("tags", lacking)
    if PLACE_TAG in lacking and kept_parts(folder):  # the paths of its checkpoints are others, too
        outbox.add("checkpoints", checkpoint_entries(folder))
    if (lacking or found.status == "RUNNING") and status in ENDED:
        outbox.add("finish", status, ended_at(folder))


def ended_at(folder: RunFolder) -> float:
    """When the run ended, in seconds since 1970; now if it does not say."""
    ended = folder.read().get("ended")
    return float(ended) if is_time(ended) else time.time()


def _leave(folder: RunFolder, before: Mapping[str, Any], entry: str) -> None:
    """End the unfinished entry in the store that a run leaves, if that store answers."""
    with suppress(Exception):  # a store that is gone shows nothing
        tracker = component_from("tracker", before)
        old = entry_of(folder, tracker) if isinstance(tracker, StoreTracker) else None
        if old is not None and old.id != entry and old.status != "FINISHED":
            log = tracker.reopen(old.id)
            log.tags({"reason": f"goes on in another store as {entry}"})
            log.finish("KILLED", ended_at(folder))
