"""Views of the runs page, kept in MLflow's store.

MLflow keeps a view as a tag of the experiment, ``mlflow.sharedViewState.<id>``, which a link names.
Up to MLflow 3.14 the tag is the state of the page; from 3.15 on it is an envelope with the state
and a name, by which the page lists the view. A state may be compressed. All this is MLflow's own
affair: a tag is written only for the versions that were tried in a browser.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import time
import zlib
from typing import Any, NamedTuple
from urllib.parse import urlencode

from rnnx.contracts import View
from rnnx_builtin.trackers.mlflow_charts import State, page_state, runs_filter
from rnnx_builtin.trackers.mlflow_pages import MODE

OLDEST, NEWEST = (3, 10), (3, 18)  # the first and the last MLflow whose page was tried
NAMED = (3, 15)  # the first that lists views by name
TAG = "mlflow.sharedViewState."
OWN_ID = "rnnx-"  # how the id of a view of rnnx's begins
MARK = "rnnx"  # in the state: what says that it is as rnnx wrote it
COMPRESSED = "deflate;"
TAG_LENGTH = 5000  # characters, of an experiment's tag in the oldest MLflow
MAX_STATE = 1_000_000  # bytes of a state that is read
MAX_VIEWS = 30  # of rnnx's in an experiment; MLflow lists 40 views

_log = logging.getLogger(__name__)


class _Kept(NamedTuple):
    """A view of rnnx's, read from its tag."""

    name: str | None  # None: there is no envelope
    digest: str  # of the state
    written: int  # milliseconds since 1970
    is_lasting: bool  # of the whole experiment


def keep_view(client: Any, experiment: Any, view: View) -> str:
    """Keep the view as a tag of the experiment; the end of the address of the page that shows it.

    A view that the user has changed, or made, stays as it is.
    """
    version = _version(client)
    if version is None or not OLDEST <= version <= NEWEST:
        _log.debug("no view is kept: the page of MLflow %s was never tried", version or "?")
        return _page(experiment, searchFilter=runs_filter(view))
    tags, view_id = experiment.tags, _id(view.key)
    name = view.name if view.name and version >= NAMED else None
    there = tags.get(TAG + view_id)
    before = None if there is None else _read(there)
    if there is None or before is not None:
        state = _fitting_state(view)
        if before is None or (before.name, before.digest) != (name, _digest(state)):
            value = _write(state, name, is_lasting=not (view.tags or view.runs))
            client.set_experiment_tag(experiment.experiment_id, TAG + view_id, value)
            _remove_oldest(client, experiment, TAG + view_id)
    return _page(experiment, viewStateShareKey=view_id)


def _page(experiment: Any, **query: str) -> str:
    query = {"compareRunsMode": "CHART", **query}
    return f"#/experiments/{experiment.experiment_id}/runs?{urlencode(query)}&{MODE}"


def _id(key: str) -> str:
    return OWN_ID + hashlib.sha256(key.encode()).hexdigest()[:16]


def _version(client: Any) -> tuple[int, int] | None:
    """Major and minor version of the MLflow that shows the runs; None if it is not known."""
    import mlflow

    text: str = mlflow.__version__
    if str(client.tracking_uri).startswith("http"):
        from mlflow.utils.rest_utils import http_request

        try:
            credentials = client._tracking_client.store.get_host_creds()
        except AttributeError:  # private to MLflow
            return None
        answer = http_request(credentials, "/version", "GET")
        text = answer.text if answer.status_code == 200 else ""
    found = re.match(r"(\d+)\.(\d+)\.", text)
    return (int(found[1]), int(found[2])) if found else None


def _fitting_state(view: View) -> State:
    """The state of the page, without the last charts if a tag cannot hold it with all of them."""
    state = page_state(view)
    charts = state["compareRunCharts"]
    while charts and len(_write(state, view.name, is_lasting=True)) > TAG_LENGTH:
        charts.pop()
    return state


def _digest(state: State) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _write(state: State, name: str | None, is_lasting: bool) -> str:
    """The value of a view's tag."""
    now = int(time.time() * 1000)
    mark = {"digest": _digest(state), "name": name, "written": now, "lasting": is_lasting}
    text = json.dumps({**state, MARK: mark}, separators=(",", ":"))
    value = _enveloped(text, name, now)
    if len(value) <= TAG_LENGTH:
        return value
    packed = COMPRESSED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return _enveloped(packed, name, now)


def _enveloped(state: str, name: str | None, now: int) -> str:
    if name is None:
        return state
    return json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": state})


def _read(value: str) -> _Kept | None:
    """What a tag holds; None where it is not as rnnx wrote it."""
    try:
        name, text = _opened(value)
        state = json.loads(text)
        mark = state.pop(MARK)
        kept = _Kept(mark["name"], mark["digest"], int(mark["written"]), bool(mark["lasting"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):
        return None
    return kept if kept.digest == _digest(state) and kept.name == name else None


def _opened(value: str) -> tuple[str | None, str]:
    """The name in the envelope, if there is one, and the text of the state."""
    name, text = None, value
    if value.startswith("{") and "state" in (envelope := json.loads(value)):
        name, text = envelope["name"], envelope["state"]
    if text.startswith(COMPRESSED):
        packed = base64.b64decode(text.removeprefix(COMPRESSED))
        text = zlib.decompressobj().decompress(packed, MAX_STATE).decode()
    return name, text


def _remove_oldest(client: Any, experiment: Any, just_written: str) -> None:
    """Delete the oldest views of rnnx's beyond MAX_VIEWS, and none of the whole experiment."""
    ours = {
        key: kept
        for key, value in experiment.tags.items()
        if key.startswith(TAG + OWN_ID) and key != just_written and (kept := _read(value))
    }
    by_age = sorted(ours, key=lambda key: (ours[key].is_lasting, ours[key].written), reverse=True)
    for key in by_age[MAX_VIEWS - 1 :]:
        client.delete_experiment_tag(experiment.experiment_id, key)
