"""Where the runs and sweeps of a comparison are in their trackers' own pages."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.comparison.pages import HOST, PORT
from rnnx.comparison.provenance import sweep_of
from rnnx.comparison.runs import ComparedRun
from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.contracts.views import RunPages
from rnnx.errors import RnnxError
from rnnx.runs.folder import RunFolder
from rnnx.runs.stored_config import kept_tracker
from rnnx.runs.whereabouts import project_of
from rnnx.system.text import cause, printable


class TrackerPages(NamedTuple):
    """The addresses of pages."""

    runs: Mapping[str, str]  # of runs of the comparison, by ``run_id``
    sweeps: Sequence[tuple[str, str]] = ()  # what a page is of, and its address
    is_local: bool = False  # some of them are there only while ``rnnx ui`` serves them


class _Store(NamedTuple):
    """A tracker, and the folder from which it sees its store."""

    tracker: str  # its configuration, as JSON
    project: str


class _Entry(NamedTuple):
    """What a store is asked for."""

    store: _Store
    ids: Sequence[str]  # of entries, the likeliest first
    run_id: str = ""  # of the comparison
    sweep: str = ""  # the id of the sweep whose own run it is


def tracker_pages(runs: Sequence[ComparedRun]) -> TrackerPages:
    """The pages of runs and of their sweeps, as far as their trackers have any.

    A store that fails costs the links to it: a line on stderr says why.
    """
    of_store: dict[_Store, list[_Entry]] = {}
    for entry in _entries(runs):
        of_store.setdefault(entry.store, []).append(entry)
    found = TrackerPages({})
    for store, entries in of_store.items():
        try:
            pages, is_local = _pages_in(store, [one for entry in entries for one in entry.ids])
        except Exception as error:  # whatever a tracker raises
            why = printable(cause(error, 200))
            print(f"rnnx: no links to the tracker's pages ({why})", file=sys.stderr)
            continue
        there = [(entry, page) for entry in entries if (page := _first(entry.ids, pages))]
        found = TrackerPages(
            {**found.runs, **{entry.run_id: page for entry, page in there if entry.run_id}},
            [*found.sweeps, *((f"sweep {e.sweep}", page) for e, page in there if e.sweep)],
            found.is_local or (is_local and bool(there)),
        )
    return found


def _first(ids: Sequence[str], pages: Mapping[str, str]) -> str:
    return next((pages[one] for one in ids if one in pages), "")


def _pages_in(store: _Store, ids: Sequence[str]) -> tuple[Mapping[str, str], bool]:
    """The pages of entries, and whether they are served by a command."""
    is_here = not store.project or store.project == os.getcwd()
    with nullcontext() if is_here else chdir(store.project):  # the store may be a file there
        tracker = component_from("tracker", json.loads(store.tracker))
        if not isinstance(tracker, RunPages):
            return {}, False
        ui = tracker.ui(HOST, PORT)
        return tracker.run_pages(ids, HOST, PORT), bool(ui and ui.command)


def _entries(runs: Sequence[ComparedRun]) -> Iterator[_Entry]:
    """What there is to ask for: the runs, and the own run of each of their sweeps."""
    of_sweep: dict[Path, _Store | None] = {}  # None: each job has a tracker of its own
    for run in runs:
        folder = run.folder
        if folder is None:
            if run.run_id:
                yield _Entry(_store(compose([])["tracker"], run), [run.run_id], run.run_id)
            continue
        sweep = sweep_of(folder, run.place)
        if sweep is not None and sweep.path not in of_sweep:
            known = sweep.read()
            about, swept = known.get("tracker"), known.get("swept", [])
            store = _store(about, run) if isinstance(about, dict) else None
            if store and known.get("parent"):
                yield _Entry(store, [str(known["parent"])], sweep=sweep.id)
            is_one = not any(str(key).startswith("tracker") for key in swept)
            of_sweep[sweep.path] = store if is_one else None
        shared = of_sweep[sweep.path] if sweep is not None else None
        if own := shared or _own_store(run, folder):
            entries = run.place.get("entries", ())
            yield _Entry(own, [*reversed(entries), folder.id], run.run_id)


def _own_store(run: ComparedRun, folder: RunFolder) -> _Store | None:
    try:
        return _store(kept_tracker(folder), run)
    except RnnxError:  # config.yaml is missing or damaged
        return None


def _store(about: Mapping[str, Any], run: ComparedRun) -> _Store:
    project = None if run.folder is None else project_of(run.folder, run.place)
    return _Store(json.dumps(about, sort_keys=True), "" if project is None else str(project))
