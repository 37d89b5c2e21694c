"""A real `mlflow server`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from processes import eventually


class Server:
    """`mlflow server` on a port of the loopback, with its artifacts below ``folder``."""

    def __init__(self, folder: Path, store: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._store = store or f"sqlite:///{folder / 'server.db'}"
        self.start()

    def start(self) -> None:
        where = ["--backend-store-uri", self._store]
        where += ["--serve-artifacts", "--artifacts-destination", str(self._folder / "artifacts")]
        own = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *where, *own],
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(self._is_up)

    def _is_up(self) -> bool:
        assert self._process.poll() is None
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and its worker."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait()

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.uri)
