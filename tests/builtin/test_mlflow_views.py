"""Views in MLflow's store: what is written, for which versions, and what stays as it is."""

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import mlflow
import pytest
from mlflow_entries import place_store

from rnnx.contracts import ImageChart, LineChart, Section, Setting, View
from rnnx_builtin.trackers import mlflow_views
from rnnx_builtin.trackers.mlflow_charts import page_state
from rnnx_builtin.trackers.mlflow_store import MLflow
from rnnx_builtin.trackers.mlflow_views import MAX_VIEWS, TAG, TAG_LENGTH, keep_view

LOSSES = Section("Losses", [LineChart("both", ["train/loss", "val/loss"], is_log=True)])
RUNS = View("runs", "newest", [LOSSES], aside=["train/loss", "lr", "best/step", "system/cpu"])


def sweep_view(number: int) -> View:
    return View(f"sweep {number}", f"sweep {number}", [LOSSES], tags={"sweep.id": str(number)})


class Store:
    """An experiment's tags, and the calls of MLflow's client that change them."""

    def __init__(self) -> None:
        self.tracking_uri = "sqlite:///mlflow.db"
        self.experiment = SimpleNamespace(experiment_id="7", tags={})
        self.writes = 0

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        assert experiment_id == "7" and len(value) <= TAG_LENGTH
        self.experiment.tags[key] = value
        self.writes += 1

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        del self.experiment.tags[key]

    def keep(self, view: View) -> Mapping[str, list[str]]:
        """Keep a view; the query of its page."""
        page = keep_view(self, self.experiment, view)
        assert page.startswith("#/experiments/7/runs?")
        return parse_qs(page.partition("?")[2])


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(mlflow, "__version__", "3.17.2")
    return Store()


def kept_state(value: str) -> Any:
    return json.loads(mlflow_views._opened(value)[1])


def test_a_view_is_a_tag_of_the_experiment_which_its_page_names(
    tmp_path: Path, empty_store: Path
) -> None:
    tracker = MLflow(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert tracker.view(RUNS, "127.0.0.1", 5001) == tracker.ui("127.0.0.1", 5001)  # no store yet
    assert not (tmp_path / "mlflow.db").exists()
    place_store(empty_store, tmp_path)
    tracker.start("a run", {}, {}).finish("FINISHED")
    address = tracker.view(RUNS, "127.0.0.1", 5001).address
    base, _, query = address.rpartition("?")
    assert base == "http://127.0.0.1:5001/?workflowType=machine_learning#/experiments/1/runs"
    asked = parse_qs(query)
    assert asked["workflowType"] == ["machine_learning"]
    assert asked["compareRunsMode"] == ["CHART"]
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    tags = client.get_experiment("1").tags
    state = kept_state(tags[TAG + asked["viewStateShareKey"][0]])
    assert {k: v for k, v in state.items() if k != "rnnx"} == page_state(RUNS)


def test_from_3_15_on_a_view_has_a_name_by_which_it_is_listed(store: Store) -> None:
    (key,) = store.keep(RUNS)["viewStateShareKey"]
    envelope = json.loads(store.experiment.tags[TAG + key])
    assert envelope["name"] == "newest"
    assert isinstance(envelope["createdAt"], int) and isinstance(envelope["state"], str)


@pytest.mark.parametrize("version", ["3.10.0", "3.14.1"])
def test_before_3_15_the_tag_is_the_state_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(mlflow, "__version__", version)
    (key,) = store.keep(RUNS)["viewStateShareKey"]
    assert json.loads(store.experiment.tags[TAG + key])["searchFilter"]
    monkeypatch.setattr(mlflow, "__version__", "3.15.0")  # the user installs another
    store.keep(RUNS)
    assert json.loads(store.experiment.tags[TAG + key])["name"] == "newest"


@pytest.mark.parametrize("version", ["3.9.1", "3.19.0", "4.0.0.dev0", "unknown"])
def test_nothing_is_written_for_a_version_that_was_not_tried(
    store: Store, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(mlflow, "__version__", version)
    asked = store.keep(sweep_view(1))
    assert not store.experiment.tags
    assert "viewStateShareKey" not in asked
    assert asked["searchFilter"] == ["tags.`sweep.id` = '1' AND params.`seed` LIKE '%'"]


def test_a_view_without_a_name_is_not_listed(store: Store) -> None:
    (key,) = store.keep(View("run a", "", [LOSSES], runs=["a", "b"]))["viewStateShareKey"]
    state = json.loads(store.experiment.tags[TAG + key])
    assert state["searchFilter"] == "attributes.run_id IN ('a', 'b')"


def test_the_same_view_is_written_once_and_another_takes_its_place(store: Store) -> None:
    first, again = store.keep(RUNS), store.keep(RUNS)
    assert first == again and store.writes == 1
    store.keep(RUNS._replace(sections=[]))
    assert store.writes == 2 and len(store.experiment.tags) == 1


@pytest.mark.parametrize("change", ["state", "name", "text", "list"])
def test_a_view_that_the_user_has_changed_stays(store: Store, change: str) -> None:
    (key,) = store.keep(RUNS)["viewStateShareKey"]
    envelope = json.loads(store.experiment.tags[TAG + key])
    if change == "state":
        state = kept_state(store.experiment.tags[TAG + key]) | {"viewMaximized": True}
        envelope["state"] = json.dumps(state)
    envelope["name"] = "mine" if change == "name" else envelope["name"]
    mine = {"text": "no JSON", "list": "[]"}.get(change, json.dumps(envelope))
    store.experiment.tags[TAG + key] = mine
    assert store.keep(RUNS._replace(sections=[]))["viewStateShareKey"] == [key]
    assert store.experiment.tags == {TAG + key: mine}


def test_old_views_go_and_those_of_others_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1, 1000))
    monkeypatch.setattr(mlflow_views.time, "time", lambda: next(clock))
    others = {TAG + "rnnx-mine": "{}", TAG + "abc": "deflate;…", "mlflow.note.content": "a note"}
    store.experiment.tags |= others
    (runs,) = store.keep(RUNS)["viewStateShareKey"]
    keys = [store.keep(sweep_view(n))["viewStateShareKey"][0] for n in range(MAX_VIEWS + 5)]
    left = [TAG + key for key in (runs, *keys[-(MAX_VIEWS - 1) :])]
    assert set(store.experiment.tags) == {*left, *others}


def test_a_view_that_is_too_long_for_a_tag_loses_its_last_charts(store: Store) -> None:
    charts = [LineChart(f"{n}", [f"{n * 7919:x}/{n**5:x}"]) for n in range(400)]
    (key,) = store.keep(RUNS._replace(sections=[Section("Many", charts)]))["viewStateShareKey"]
    state = kept_state(store.experiment.tags[TAG + key])
    titles = [chart["displayName"] for chart in state["compareRunCharts"]]
    assert titles == [str(n) for n in range(len(titles))]
    assert 40 < len(titles) < 400


def test_metrics_without_a_chart_are_folded_away() -> None:
    sections = page_state(RUNS)["compareRunSections"]
    folded = [section["name"] for section in sections if not section["display"]]
    assert folded == ["Model metrics", "best", "System metrics"]


def test_images_are_folded_where_runs_are_grouped() -> None:
    images = Section("Images", [ImageChart("a_probe_norm", 3)])
    (alone,) = page_state(RUNS._replace(sections=[images], aside=[]))["compareRunSections"]
    assert alone["display"]
    grouped = RUNS._replace(sections=[images], aside=[], groups=[Setting("cell.name")])
    (section,) = page_state(grouped)["compareRunSections"]
    assert not section["display"] and "grouping" in section["name"]


def test_the_version_of_a_server_is_the_one_that_counts(store: Store) -> None:
    answers = {"/version": "3.12.0"}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers["/version"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *about: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        client = mlflow.MlflowClient(uri)
        assert mlflow_views._version(client) == (3, 12)
        answers["/version"] = "<html>Please log in"
        assert mlflow_views._version(client) is None
        server.shutdown()
