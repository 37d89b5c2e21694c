"""The built-in trackers: their suites, their stores, and what goes wrong with a store."""

import json
import logging
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from mlflow_entries import place_store
from mutants import assert_all_caught, mutant
from PIL import Image
from tiny import tiny

from rnnx.contracts.trackers import Point
from rnnx.errors import StoreError
from rnnx.testing import TrackerSuite, trackers
from rnnx_builtin.trackers import mlflow_client
from rnnx_builtin.trackers.mlflow_client import mlflow_settings
from rnnx_builtin.trackers.mlflow_log import MLflowLog
from rnnx_builtin.trackers.mlflow_readback import whole_images
from rnnx_builtin.trackers.mlflow_store import MLflow
from rnnx_builtin.trackers.none import Nothing


@pytest.fixture(scope="module")
def warm_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated SQLite store: the migration takes seconds and is the same for all."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    MLflow(uri).start("warm", {}, {}).finish("FINISHED")
    return uri


class TestNothing(TrackerSuite):
    component = Nothing()


class TestMLflow(TrackerSuite):
    @pytest.fixture(autouse=True)
    def own_experiment(self, warm_store: str, request: pytest.FixtureRequest) -> None:
        self.component = MLflow(warm_store, request.node.name)


def test_the_default_store_is_where_a_bare_mlflow_ui_looks(
    warm_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MLflow()._uri() == f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", warm_store)
    assert MLflow()._uri() == warm_store
    assert MLflow("sqlite:///x.db")._uri() == "sqlite:///x.db"


def test_what_is_warmed_up_for_jobs_holds_no_store_open_and_is_not_made_again(
    warm_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, threads = tmp_path / "mlflow.db", threading.enumerate()
    shutil.copy(warm_store.removeprefix("sqlite:///"), file)
    tracker = MLflow(f"sqlite:///{file}")
    tracker.warm_up()
    assert threading.enumerate() == threads
    if (held := Path("/proc/self/fd")).is_dir():
        assert str(file) not in {os.path.realpath(path) for path in held.iterdir()}
    monkeypatch.setattr("sqlalchemy.create_engine", lambda *_, **__: pytest.fail("made again"))
    tracker.start("of a job", {"seed": "1"}, {}).finish("FINISHED")
    assert [run.name for run in tracker.runs(1)] == ["of a job"]


def test_what_jobs_call_is_rehearsed_and_leaves_the_store_as_it_was(
    warm_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mlflow.db"
    shutil.copy(warm_store.removeprefix("sqlite:///"), file)
    tracker = MLflow(f"sqlite:///{file}")
    tracker.runs(1)  # the store has been moved: its paths change
    before, called = file.read_bytes(), set()
    calls = {"params", "tags", "points", "file", "data", "describe", "checkpoints", "finish"}

    def noting(name: str) -> Any:
        real = getattr(MLflowLog, name)

        def call(*given: Any) -> None:
            real(*given)
            called.add(name)

        return call

    for name in calls:
        monkeypatch.setattr(MLflowLog, name, noting(name))
    tracker.warm_up()
    assert called == calls
    assert file.read_bytes() == before


def test_a_run_that_was_just_created_is_not_searched_for_models(
    warm_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    searched: list[str] = []

    def searching(self: object, experiments: list[str], query: str) -> list[object]:
        searched.append(query)
        return []

    monkeypatch.setattr(MlflowClient, "search_logged_models", searching)
    tracker = MLflow(warm_store, "models")
    log = tracker.start("new", {}, {})
    log.checkpoints([])
    assert not searched
    log.checkpoints([])
    tracker.reopen(log.id).checkpoints([])
    assert searched == [f"source_run_id = '{log.id}'"] * 2
    log.finish("FINISHED")


def test_reading_makes_no_store() -> None:
    assert MLflow().runs(5) == []
    assert MLflow().find("abc") == []
    assert [path.name for path in Path.cwd().iterdir()] == ["cache"]  # the test's own


def test_many_points_and_strange_values(warm_store: str) -> None:
    tracker = MLflow(warm_store, "many")
    log = tracker.start("n", {f"p{i}": str(i) for i in range(250)}, {})
    log.points([Point("m", float(i), i, i) for i in range(2500)])
    log.points([Point("odd", math.inf, 1, 1), Point("odd", math.nan, 2, 2)])
    log.finish("FINISHED")
    assert len(tracker.history(log.id, "m")) == 2500
    odd = tracker.history(log.id, "odd")
    assert odd[0].value > 1e300
    assert math.isnan(odd[1].value)


def test_telemetry_is_off_and_the_environment_as_it_was(warm_store: str) -> None:
    code = (
        "import os; before = dict(os.environ)\n"
        "from rnnx_builtin.trackers.mlflow_store import MLflow\n"
        f"MLflow({warm_store!r}).start('t', {{}}, {{}}).finish('FINISHED')\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "ours = {k: v for k, v in os.environ.items() if k.startswith('MLFLOW')}\n"
        "print(get_telemetry_client(), ours)"
    )
    # MLflow itself is quiet where it sees a test or a CI.
    loud = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CI", "MLFLOW"))}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=loud, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None {}", done.stderr


def test_what_the_user_says_of_telemetry_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    with mlflow_settings():
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    with mlflow_settings():
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_a_store_that_cannot_be_used_is_one_line() -> None:
    Path("folder.db").mkdir()
    Path("garbage.db").write_text("this is no database" * 100)
    Path("file").write_text("")
    for uri, part in [
        ("nope://x", "nope://x"),
        ("file:./mlruns", "sqlite:///FILE"),
        ("./mlruns", "sqlite:///FILE"),
        ("sqlite:///folder.db", "folder.db"),
        ("sqlite:///garbage.db", "garbage.db"),
        ("sqlite:///file/mlflow.db", "file/mlflow.db"),
        ("http://127.0.0.1:9", "127.0.0.1:9"),
    ]:
        with pytest.raises(StoreError) as caught:
            MLflow(uri).start("n", {}, {})
        assert part in str(caught.value)
        assert "\n" not in str(caught.value)


class Answers(BaseHTTPRequestHandler):
    """A server that answers everything with its ``status`` and ``content``."""

    status, content = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.content)

    do_POST = do_GET  # noqa: N815 - the name is the library's

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (500, b"", "500"),
        (503, b"the database is full", "503"),
        (403, b"no entry", "403"),
        (200, b"{}", "no MLflow server"),
        (200, b"", "no MLflow server"),
        (200, b"<html>log in</html>", "not in a valid JSON format"),
        (404, b"<html>nothing here</html>", "404"),
    ],
)
def test_an_error_of_a_server_names_its_cause(status: int, content: bytes, said: str) -> None:
    handler = type("Handler", (Answers,), {"status": status, "content": content})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        tracker = MLflow(f"http://127.0.0.1:{server.server_port}")
        for ask in (lambda: tracker.start("n", {}, {}), lambda: tracker.entry("0" * 32)):
            with pytest.raises(StoreError) as caught:  # never "deleted", never "has none"
                ask()
            assert said in str(caught.value)
            assert "deleted" not in str(caught.value)
        server.shutdown()


def test_a_refused_connection_is_named() -> None:
    with pytest.raises(StoreError, match="Connection refused"):
        MLflow("http://127.0.0.1:9").start("n", {}, {})


def test_an_entry_is_of_this_experiment_and_not_deleted(warm_store: str) -> None:
    from mlflow import MlflowClient

    tracker = MLflow(warm_store, "entries")
    log = tracker.start("n", {}, {"rnnx.started": "1000.5"})
    found = tracker.entry(log.id)
    assert found is not None
    assert (found.id, found.status, found.started) == (log.id, "RUNNING", 1000.5)
    assert MLflow(warm_store, "another").entry(log.id) is None
    assert MLflow("sqlite:///none.db", "entries").entry(log.id) is None
    for wrong in ("0" * 32, "", "no id", "../x", "x" * 300):
        assert tracker.entry(wrong) is None
    MlflowClient(warm_store).delete_run(log.id)
    assert tracker.entry(log.id) is None


def test_a_deleted_experiment_is_named(warm_store: str) -> None:
    from mlflow import MlflowClient

    tracker = MLflow(warm_store, "deleted")
    tracker.start("n", {}, {}).finish("FINISHED")
    client = MlflowClient(warm_store)
    client.delete_experiment(client.get_experiment_by_name("deleted").experiment_id)
    with pytest.raises(StoreError, match="was deleted"):
        tracker.start("n", {}, {})


@pytest.mark.slow
def test_eight_cold_starts_at_once() -> None:
    code = (
        "from rnnx_builtin.trackers.mlflow_store import MLflow\n"
        "log = MLflow().start('t', {'a': 'b'}, {})\n"
        "log.finish('FINISHED')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(8)]
    assert [process.wait(timeout=300) for process in started] == [0] * 8
    assert len(MLflow().runs(20)) == 8


def test_a_migration_that_is_cut_short_leaves_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    real = mlflow_client._client

    def cut_short(uri: str) -> None:
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as half:
            half.execute("CREATE TABLE experiments (experiment_id INTEGER)")
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow_client, "_client", cut_short)
    with pytest.raises(KeyboardInterrupt):
        MLflow().start("n", {}, {})
    assert not Path("mlflow.db").exists()
    Path("mlflow.db.new").write_text("what a killed process left")
    monkeypatch.setattr(mlflow_client, "_client", real)
    MLflow().start("n", {}, {}).finish("FINISHED")
    assert [run.status for run in MLflow().runs(10**6)] == ["FINISHED"]
    assert sorted(p.name for p in Path.cwd().glob("mlflow.db*")) == ["mlflow.db", "mlflow.db.lock"]


def test_a_new_store_is_a_copy_of_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations: list[str] = []
    real = mlflow_client._client

    def noting(uri: str) -> Any:
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as file:
            if not file.execute("SELECT * FROM sqlite_master").fetchall():
                migrations.append(Path(uri).name)
        return real(uri)

    monkeypatch.setattr(mlflow_client, "_client", noting)

    def made(name: str) -> tuple[list[str], list[tuple[str, str]]]:
        """The tables of a new store, and its experiments with the places of their files."""
        (tmp_path / name).mkdir()
        MLflow(f"sqlite:///{tmp_path / name}/mlflow.db").start("n", {}, {}).finish("FINISHED")
        with sqlite3.connect(tmp_path / name / "mlflow.db") as file:
            tables = file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
            places = file.execute("SELECT name, artifact_location FROM experiments").fetchall()
        return [sql for (sql,) in tables], places

    one, two = made("one"), made("two")
    assert migrations == ["mlflow.db.new"]
    assert one[0] == two[0]
    assert [name for name, _ in two[1]] == ["Default", "rnnx"]
    assert two[1] == [(name, place.replace("/one/", "/two/")) for name, place in one[1]]
    (kept,) = (tmp_path / "cache" / "mlflow").glob("*.db")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")  # damaged
    assert [name for name, _ in made("three")[1]] == ["Default", "rnnx"]
    assert len(migrations) == 2
    assert kept not in (tmp_path / "cache" / "mlflow").glob("*.db")  # another takes its place


def test_a_run_whose_parameters_cannot_be_kept_is_ended(
    warm_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self, params) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(MLflowLog, "params", fail)
    tracker = MLflow(warm_store, "no params")
    with pytest.raises(StoreError, match="no route"):
        tracker.start("n", {"a": "b"}, {})
    assert [run.status for run in tracker.runs(5)] == ["FAILED"]


def test_the_kit_catches_each_fault(warm_store: str) -> None:
    right = MLflow(warm_store, "broken")

    def with_log(change):
        def start(inner, name, params, tags):
            log = inner(name, params, tags)
            change(log)
            return log

        return mutant(right, start=start)

    def loses_points(log):
        log.points = lambda points: None

    def loses_files(log):
        log.file = lambda path, folder="": None

    def no_images(log):
        log.image = None

    def metrics_of_its_own(log):
        log.checkpoints = lambda saved: log.points([Point("val_loss", 1.0, 1, 1000)])

    def a_metric_a_table(log):
        log.table = lambda name, columns, rows: log.points([Point("rows", 1.0, 1, 1000)])

    def always_finished(log):
        finish = log.finish
        log.finish = lambda status: finish("FINISHED")

    def oldest_first(inner, limit):
        return inner(100)[::-1][:limit]

    def fetch_other(inner, run_id, path, into):
        other = into / "other.txt"
        other.write_text("something else")
        return other

    assert_all_caught(
        trackers,
        {
            "check_run": [with_log(always_finished), with_log(loses_points)],
            "check_order": [mutant(right, runs=oldest_first)],
            "check_history": [with_log(loses_points)],
            "check_fetch": [mutant(right, fetch=fetch_other)],
            "check_entry": [
                mutant(right, entry=lambda inner, run_id: None),
                mutant(right, entry=lambda inner, run_id: right.runs(1)[0]),
            ],
            "check_images": [with_log(no_images)],
            "check_optional": [with_log(metrics_of_its_own)],
            "check_table": [with_log(a_metric_a_table)],
            "check_reopen": [
                mutant(right, reopen=lambda inner, run_id: right.start("new", {}, {}))
            ],
        },
    )


def test_a_table_has_every_row_once_and_mlflow_shows_it(warm_store: str, tmp_path: Path) -> None:
    tracker = MLflow(warm_store, "tables")
    log = tracker.start("n", {}, {})
    columns, rows = ["step", "final", "input"], [["1", "false", "=1"], ["10", "true", "a\nb"]]
    for count in (1, 2, 2):
        log.table("predictions", columns, rows[:count])
    log.table("other", columns, rows)
    log.finish("FINISHED")
    with mlflow_settings():
        run = mlflow_client.connect(warm_store).get_run(log.id)
    found = json.loads(tracker.fetch(log.id, "predictions.json", tmp_path).read_text("utf-8"))
    assert found["columns"] == columns
    assert found["data"] == [[1, "false", "=1"], [10, "true", "a\nb"]]
    tables = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert tables == [{"path": f"{k}.json", "type": "table"} for k in ("predictions", "other")]


def test_a_hosts_loggers_keep_their_levels(warm_store: str) -> None:
    names = ("alembic", "mlflow.store.db.utils", "urllib3.connectionpool")
    before = [logging.getLogger(name).level for name in names]
    MLflow(warm_store).runs(1)
    assert [logging.getLogger(name).level for name in names] == before
    with mlflow_settings():
        assert logging.getLogger("urllib3.connectionpool").level == logging.CRITICAL


def test_mlflow_works_beside_a_damaged_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "-ip-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with mlflow_settings():
        assert metadata.entry_points(group="mlflow.run_context_provider") == ()
        assert any(point.name == "cells" for point in metadata.entry_points(group="rnnx"))


@pytest.mark.parametrize("folder", ["what?", "a%20b", "#x", "a;b=c&d 恐"])
@pytest.mark.parametrize("is_named", [False, True])
def test_a_store_is_in_the_folder_whatever_its_name(
    warm_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, is_named: bool
) -> None:
    place = tmp_path / folder
    place.mkdir()
    shutil.copy(warm_store.removeprefix("sqlite:///"), place / "mlflow.db")
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.chdir(tmp_path if is_named else place)
    tracker = MLflow(f"sqlite:///{folder}/mlflow.db" if is_named else "", "other")
    log = tracker.start("n", {}, {})
    (tmp_path / "cache" / "x.txt").write_text("x")
    log.file(tmp_path / "cache" / "x.txt")
    log.finish("FINISHED")
    assert [run.id for run in tracker.find(log.id)] == [log.id]
    assert (place / "mlruns" / log.id / "artifacts" / "x.txt").is_file()
    fetched = tracker.fetch(log.id, "x.txt", tmp_path / "cache")
    assert fetched.read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_store_s_options_are_not_of_its_path(tmp_path: Path) -> None:
    assert mlflow_client.sqlite_file("sqlite:///x.db?timeout=3") == Path("x.db")
    assert mlflow_client.sqlite_file("sqlite:///a?b/x.db") == Path("a?b/x.db")
    assert mlflow_client.address("sqlite:///a b/x.db?timeout=3") == "sqlite:///a b/x.db?timeout=3"
    (tmp_path / "a b").mkdir()
    assert mlflow_client.sqlite_file("sqlite:///a%20b/x.db") == Path("a b/x.db")
    (tmp_path / "a%20b").mkdir()
    assert mlflow_client.sqlite_file("sqlite:///a%20b/x.db") == Path("a%20b/x.db")


def test_the_ui_opens_the_runs_of_the_experiment(warm_store: str) -> None:
    tracker = MLflow(warm_store)
    assert tracker.ui("127.0.0.1", 5000).address.endswith("#/experiments/1/runs")
    assert MLflow(warm_store, "none yet").ui("127.0.0.1", 5000).address.endswith("#/experiments")
    assert MLflow("sqlite:///nowhere.db").ui("127.0.0.1", 5000).address.endswith("#/experiments")


def test_warnings_as_errors_end_no_run(names: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "rnnx", "train", *tiny(names, "tracker=mlflow")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "INFO mlflow" not in done.stderr  # of the store's tables, which were created


def test_a_host_s_filters_of_warnings_come_back() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with mlflow_settings():
            with mlflow_settings(), pytest.warns(UserWarning):
                warnings.warn("of MLflow", UserWarning, stacklevel=1)
            warnings.filterwarnings("ignore", message="added by an import")
            assert "error" not in {entry[0] for entry in warnings.filters}
        assert list(warnings.filters)[1:] == before


def test_what_mlflow_was_told_is_named_once(
    warm_store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    monkeypatch.setenv("MLFLOW_RUN_ID", "0123abcd")
    tracker = MLflow(warm_store, "ours")
    told = (
        "rnnx: MLFLOW_EXPERIMENT_NAME=theirs is not read: tracker.experiment=NAME chooses the "
        "experiment\nrnnx: MLFLOW_RUN_ID=0123abcd is not read: every run is a new one, and rnnx "
        "resume continues one\n"
    )
    for said in (told, ""):
        tracker.start("run", {}, {}).finish("FINISHED")
        assert capsys.readouterr().err == said
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    monkeypatch.delenv("MLFLOW_RUN_ID")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(warm_store)
    try:
        with mlflow.start_run(experiment_id="0") as outer:
            log = tracker.start("run", {}, {})
            log.finish("FINISHED")
            assert mlflow.active_run().info.run_id == outer.info.run_id
    finally:
        mlflow.set_tracking_uri(before)
    active = outer.info.run_id[:8]
    line = f"MLflow's active run {active} stays as it is; rnnx's runs are not below it"
    assert f"rnnx: {line}\n" in capsys.readouterr().err
    assert "mlflow.parentRunId" not in tracker.find(log.id)[0].tags


@pytest.mark.parametrize("part", ["*.png", "*.webp"])
def test_an_image_of_which_the_store_lost_a_file_is_sent_again(
    part: str, tmp_path: Path, empty_store: Path
) -> None:
    tracker = MLflow(place_store(empty_store, tmp_path))
    png = tmp_path / "norm.png"
    Image.new("RGB", (3, 2)).save(png)
    log = tracker.start("n", {}, {})
    log.image("norm", png, 4)
    assert log.kept().images == {("norm", 4)}
    (lost,) = tmp_path.rglob(f"{log.id}/artifacts/images/{part}")
    lost.unlink()
    assert log.kept().images == set()
    for _ in range(2):
        log.image("norm", png, 4)
        assert log.kept().images == {("norm", 4)}
        assert len(list(lost.parent.glob("*"))) == 2


@pytest.mark.parametrize("place", ["plain", "a%20b", "a #"])
def test_a_file_is_removed_whatever_the_name_of_the_project(
    place: str, tmp_path: Path, empty_store: Path
) -> None:
    folder = tmp_path / place
    folder.mkdir()
    log = MLflow(place_store(empty_store, folder)).start("n", {}, {})
    file = tmp_path / "100%41.txt"
    file.write_text("a note")
    log.file(file)
    (kept,) = folder.rglob(f"{log.id}/artifacts/*")
    log.remove(file.name)
    log.remove(file.name)  # one that is not there
    assert not kept.exists()


def test_images_are_found_under_the_names_of_every_version() -> None:
    stems = [f"images/a_norm{c}step{c}12{c}timestamp{c}99{c}ab-cd" for c in "+%"]
    for stem, c in zip(stems, "+%", strict=True):
        files = {f"{stem}.png": 5, f"{stem}{c}compressed.webp": 3}
        assert whole_images(files) == {("a_norm", 12)}
        assert whole_images({**files, f"{stem}.png": 0}) == set()
