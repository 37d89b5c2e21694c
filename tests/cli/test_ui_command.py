"""Which page `rnnx ui` opens."""

import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.cli import ui
from rnnx.contracts.trackers import UI
from rnnx.errors import ConfigError, RunNotFound
from rnnx.runs.sweep_folder import Sweep


def opened(name: str | None, *overrides: str) -> str:
    return ui._page(ui._asked(name, overrides), 5001).address


def test_it_opens_the_charts_of_what_is_named(
    names: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, "mlflow.db")
    assert opened(None).endswith("#/experiments")  # no runs yet
    first, second = (rnnx.train(tiny(names, "tracker=mlflow", f"seed={n}")) for n in (0, 1))
    newest, run = opened(None), opened(first.run_id)
    assert "viewStateShareKey=rnnx-" in newest and "viewStateShareKey=rnnx-" in run
    assert newest != run != opened("last") == opened(second.run_id[:8])
    assert opened(str(first.folder.path)) == run

    sweep = Sweep(Path("outputs/sweeps/abcdef"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": ["seed"], "tracker": {"name": "mlflow"}})
    second.folder.write({"sweep": sweep.id})
    assert opened("abc") == opened(str(sweep.path)) == opened("last") not in (newest, run)
    with pytest.raises(RunNotFound, match="no such run"):
        opened("nosuch")

    place = str(first.folder.path.resolve())
    monkeypatch.chdir("/")  # the run's project has its store
    assert opened(place) == run


SLOW_SERVER = """
import http.server, socket, sys, threading, time
class Pages(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        open("answered", "w").close()
        self.send_response(404)
        self.end_headers()
        threading.Thread(target=self.server.shutdown).start()
    def log_message(self, *_): pass
time.sleep(0.5)  # the port is not open yet
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Pages).serve_forever()
"""


def served(command: list[str], port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `rnnx ui` where this is the server of the tracker's pages."""
    page = UI(f"http://127.0.0.1:{port}/#/runs", [sys.executable, "-c", *command], {})
    monkeypatch.setattr(ui, "_asked", lambda *_: None)
    monkeypatch.setattr(ui, "_page", lambda *_: page)
    before = signal.getsignal(signal.SIGTERM)
    try:
        return ui.open_ui(None, [], port)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_address_is_printed_when_the_server_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = int(asked.getsockname()[1])
    real = print

    def printing(*words: str, **named: bool) -> None:
        assert Path("answered").exists()
        real(*words, **named)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.print", printing)
    assert served([SLOW_SERVER, str(port)], port, monkeypatch) == 0
    assert capsys.readouterr().out == f"http://127.0.0.1:{port}/#/runs  (Ctrl-C stops it)\n"


def test_a_server_that_ends_or_does_not_answer_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = int(asked.getsockname()[1])
    assert served(["raise SystemExit(3)"], port, monkeypatch) == 3
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(ui, "ANSWERS_WITHIN", 0.2)
    assert served(["import time; time.sleep(2)"], port, monkeypatch) == 0
    assert "no answer within" in capsys.readouterr().out


def test_a_browser_refuses_some_ports() -> None:
    for port in (5060, 6000, 6566, 6667, 10080):
        with pytest.raises(ConfigError, match=f"--port {port}: browsers refuse"):
            ui.open_ui(None, [], port)
