"""``rnnx ui``: the tracker's own pages, served by a process of the tracker's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from rnnx.config.compose import resolve
from rnnx.errors import ConfigError


def _refuse_busy(port: int) -> None:
    with socket.socket() as client:
        if client.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigError(f"--port {port}: another program answers there; choose another port")


def open_ui(overrides: Sequence[str], port: int) -> int:
    """Run the server of the tracker's pages until it is stopped; its exit code."""
    tracker = resolve(overrides).components.tracker
    ui = tracker.ui("127.0.0.1", port)
    if ui is None:
        raise ConfigError("tracker: it has no UI to start; `rnnx runs` lists the runs")
    if not ui.command:
        print(f"{ui.address}  (its own server, which runs already)")
        return 0
    _refuse_busy(port)
    print(f"{ui.address}  (Ctrl-C stops it)", flush=True)
    # The server starts workers: in a session of their own, all are stopped together.
    environment = os.environ | ui.environment
    server = subprocess.Popen(ui.command, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
