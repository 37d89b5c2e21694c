"""Links from a page to the tracker's pages: of the runs and sweeps that it has, and no others."""

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from mlflow_entries import client, place_store

from rnnx.comparison.compare import rank_runs
from rnnx.comparison.page import render
from rnnx.comparison.report import report
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.tracker_pages import TrackerPages, tracker_pages
from rnnx.config.compose import compose
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import Sweep
from rnnx_builtin.trackers.mlflow_store import MLflow

Run = Callable[..., ComparedRun]


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return place_store(empty_store, tmp_path, "own.db")


def placed(run: ComparedRun, tracker: Mapping[str, Any], **fields: Any) -> ComparedRun:
    """The run with a folder below outputs, whose configuration names this tracker."""
    folder = RunFolder(Path("outputs") / run.run_id)
    folder.path.mkdir(parents=True)
    folder.config.write_text(yaml.safe_dump({**compose([]), "tracker": dict(tracker)}), "utf-8")
    (folder.path / "run.json").write_text(json.dumps({"id": run.run_id, **fields}), "utf-8")
    return run._replace(folder=folder, place=fields)


def page_in(experiment: str, run_id: str, server: str = "http://127.0.0.1:5000") -> str:
    mode = "workflowType=machine_learning"
    return f"{server}/?{mode}#/experiments/{experiment}/runs/{run_id}?{mode}"


def test_runs_and_their_sweep_have_pages_where_the_store_has_them(uri: str, run: Run) -> None:
    store, tracker = MLflow(uri), {"name": "mlflow", "uri": uri}
    parent, here, moved, deleted = (store.start("n", {}, {}).id for _ in range(4))
    client(uri).delete_run(deleted)
    sweep = Sweep.open("outputs", ["seed=0,1"], ["seed"], anew=False)
    sweep.write({"tracker": tracker, "parent": parent})
    own = {"sweep": sweep.id}
    runs = [
        placed(run(here, 1.0), {"name": "none"}, **own),  # the sweep says where it is
        placed(run("0" * 32, 2.0), tracker, entries=["1" * 32, moved]),
        placed(run(deleted, 3.0), tracker, **own),
        placed(run("2" * 32, 4.0), {"name": "none"}),
        placed(run("3" * 32, 5.0), {"name": "gone"}),  # of a plugin that is not installed
        run("", 6.0),  # failed before it had a run
    ]
    pages = {here: page_in("1", here), "0" * 32: page_in("1", moved)}
    of_sweep = (f"sweep {sweep.id}", page_in("1", parent))
    assert tracker_pages(runs) == TrackerPages(pages, [of_sweep], is_local=True)
    page = render(rank_runs(runs, "t", "best/val_loss"), {})
    assert page.count(">page</a>") == 2 and "while <code>rnnx ui</code> runs" in page
    assert f'<a href="{page_in("1", parent)}">sweep {sweep.id}</a>' in page.replace("&amp;", "&")
    assert page_in("1", here) in report(rank_runs(runs[:1], "t", "best/val_loss"))
    without = render(rank_runs(runs[3:], "t", "best/val_loss"), {})
    assert "tracker" not in without and "rnnx ui" not in without


def test_a_sweep_over_stores_has_its_runs_in_each(
    uri: str, run: Run, empty_store: Path, tmp_path: Path
) -> None:
    other = place_store(empty_store, tmp_path, "other.db")
    sweep = Sweep.open("outputs", [f"tracker.uri={uri},{other}"], ["tracker.uri"], anew=False)
    sweep.write({"tracker": {"name": "mlflow", "uri": uri}, "parent": ""})
    ids = [MLflow(one).start("n", {}, {}).id for one in (uri, other)]
    runs = [
        placed(run(run_id, 1.0), {"name": "mlflow", "uri": one}, sweep=sweep.id)
        for run_id, one in zip(ids, (uri, other), strict=True)
    ]
    assert list(tracker_pages(runs).runs) == ids


def test_a_store_of_another_project_is_found_from_anywhere(
    empty_store: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for path in (project, elsewhere):
        path.mkdir()
    log = MLflow(place_store(empty_store, project)).start("n", {}, {})
    monkeypatch.chdir(project)
    where = {"cwd": str(project), "place": str(project / "outputs" / log.id)}
    made = placed(run(log.id, 1.0), {"name": "mlflow"}, **where)
    assert made.folder is not None
    made = made._replace(folder=RunFolder(made.folder.path.resolve()))
    monkeypatch.chdir(elsewhere)
    assert list(tracker_pages([made]).runs) == [log.id]
    assert Path.cwd() == elsewhere


@pytest.fixture
def server() -> Any:
    """The address of a server that fails, and the paths that it was asked for."""
    asked: list[str] = []

    class Failing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(500)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *about: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}", asked
        made.shutdown()


def test_a_server_is_asked_where_the_user_named_it(
    server: Any, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address, asked = server
    runs = [placed(run("0" * 32, 1.0), {"name": "mlflow", "uri": address})]
    assert not tracker_pages(runs).runs and not asked  # a folder from anybody
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert not tracker_pages(runs).runs and asked
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rnnx: no links to the tracker's pages (")


def test_the_pages_of_a_server_are_always_there(
    uri: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://127.0.0.1:8123"
    run_id = MLflow(uri).start("n", {}, {}).id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setattr(
        "rnnx_builtin.trackers.mlflow_store.connect", lambda *about, **how: client(uri)
    )
    runs = [placed(run(run_id, 1.0), {"name": "mlflow", "uri": address})]
    expected = {run_id: page_in("1", run_id, address)}
    assert tracker_pages(runs) == TrackerPages(expected, [], is_local=False)
