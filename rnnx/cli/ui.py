"""``rnnx ui``: the tracker's own pages, served by a process of the tracker's.

They open on charts: of the newest runs, or of the run or the sweep that is named.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.comparison.pages import HOST, newest_runs, page_of
from rnnx.comparison.runs import sweeps_named
from rnnx.comparison.views import (
    folders_of,
    shown_of_entries,
    shown_of_folders,
    view_of_run,
    view_of_stored_sweep,
    view_of_sweep,
)
from rnnx.config.components import component_from
from rnnx.config.compose import resolve
from rnnx.contracts.trackers import UI, Tracker
from rnnx.contracts.views import View
from rnnx.errors import ConfigError, RunNotFound
from rnnx.runs.find import jobs_in_tracker, run_in_tracker, several
from rnnx.runs.folder import RunFolder
from rnnx.runs.named import find_folders
from rnnx.runs.stored_config import stored_config
from rnnx.runs.whereabouts import project_of
from rnnx.system.files import expanded

# Ports that browsers refuse to open, whatever listens there: the "bad ports" of the Fetch standard.
UNSAFE_PORTS = """
1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115
117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563
587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667
6668 6669 6679 6697 10080
"""


ANSWERS_WITHIN = 60.0  # seconds, after which the address is printed in any case
POLL_INTERVAL = 0.1  # seconds between two questions whether it answers


class _Asked(NamedTuple):
    """What to open."""

    tracker: Tracker
    view: Callable[[], View | None]  # None: the tracker's own first page


def _refuse_unsafe(port: int) -> None:
    if str(port) in UNSAFE_PORTS.split():
        raise ConfigError(f"--port {port}: browsers refuse to open this port; choose another one")


def _refuse_busy(port: int) -> None:
    with socket.socket() as client:
        if client.connect_ex((HOST, port)) == 0:
            raise ConfigError(f"--port {port}: another program answers there; choose another port")


def _asked(name: str | None, overrides: Sequence[str]) -> _Asked:
    config = resolve(overrides)
    outputs, tracker = expanded(config.settings.outputs), config.components.tracker
    if name is None:
        return _Asked(tracker, lambda: newest_runs(tracker, outputs))
    is_given = any(text.startswith(("tracker=", "tracker.")) for text in overrides)
    given = config.values["tracker"] if is_given else None
    sweeps = sweeps_named(name, outputs)
    folders = [] if sweeps and name == "last" else find_folders(name, outputs)
    if len(sweeps) + len(folders) > 1:
        raise RunNotFound(several(name, [*(s.id for s in sweeps), *(f.id for f in folders)]))
    if sweeps:
        own = sweeps[0].read().get("tracker")
        about = given or (own if isinstance(own, dict) else config.values["tracker"])
        return _local(about, view_of_sweep(sweeps[0]), folders_of(sweeps[0]))
    if folders:
        view = view_of_run(folders[0].entry, shown_of_folders(folders))
        return _local(given or stored_config(folders[0])["tracker"], view, folders)
    return _stored(name, tracker, outputs)


def _local(about: Mapping[str, Any], view: View, folders: Sequence[RunFolder]) -> _Asked:
    """A view of runs that have these folders, in the store of their project."""
    project = project_of(folders[0]) if folders else None
    if project is not None and project != Path.cwd():
        os.chdir(project)  # the tracker's store may be a file there
    return _Asked(component_from("tracker", about), lambda: view)


def _stored(name: str, tracker: Tracker, outputs: Path) -> _Asked:
    """What only the tracker has: the jobs of a sweep, or one run."""
    if jobs := jobs_in_tracker(name, tracker):
        return _Asked(tracker, lambda: view_of_stored_sweep(jobs, outputs))
    run = run_in_tracker(name, tracker, str(outputs))
    return _Asked(tracker, lambda: view_of_run(run.id, shown_of_entries([run], outputs)))


def _page(asked: _Asked, port: int) -> UI:
    """The page to open: that of the view, else the tracker's first."""
    ui = page_of(asked.tracker, asked.view, HOST, port) or asked.tracker.ui(HOST, port)
    if ui is None:
        raise ConfigError("tracker: it has no UI to start; `rnnx runs` lists the runs")
    return ui


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers; False where it ends before, or takes too long.

    Its workers answer seconds after the port is open, and a browser that comes first is refused.
    """
    deadline = time.monotonic() + ANSWERS_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        asked = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            asked.request("HEAD", "/")
            asked.getresponse()
            return True
        except http.client.HTTPException:
            return True  # it speaks another language, but it answers
        except OSError:
            time.sleep(POLL_INTERVAL)
        finally:
            asked.close()
    return False


def open_ui(name: str | None, overrides: Sequence[str], port: int) -> int:
    """Run the server of the tracker's pages until it is stopped; its exit code.

    ``name`` is a run or a sweep whose charts to open; None: those of the newest runs.
    """
    _refuse_unsafe(port)
    ui = _page(_asked(name, overrides), port)
    if not ui.command:
        print(f"{ui.address}  (its own server, which runs already)")
        return 0
    _refuse_busy(port)
    # The server starts workers: in a session of their own, all are stopped together.
    environment = os.environ | ui.environment
    server = subprocess.Popen(ui.command, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if _answers(port, server):
            print(f"{ui.address}  (Ctrl-C stops it)", flush=True)
        elif server.poll() is None:
            seconds = f"{ANSWERS_WITHIN:.0f} s"
            print(f"{ui.address}  (no answer within {seconds}; Ctrl-C stops it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
