"""MLflow: runs in a local SQLite store by default, or on a server.

The store is ``tracker.uri``, else MLFLOW_TRACKING_URI, else ``sqlite:///<cwd>/mlflow.db`` with its
artifacts in ``<cwd>/mlruns``, where a bare ``mlflow ui`` in the same folder looks. All calls name
the run by its id, so MLflow's global state is neither read nor changed.
"""

from __future__ import annotations

import getpass
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rnnx.contracts import View
from rnnx.contracts.ranges import require
from rnnx.contracts.trackers import STARTED_TAG, UI, Point, RunLog, RunSummary
from rnnx.errors import RnnxError, RunNotFound, StoreError
from rnnx.system.secrets import is_named, whole, without_password
from rnnx_builtin.trackers.mlflow_client import (
    DAMAGED,
    SETTINGS,
    UNWRITABLE,
    address,
    cause_of,
    close,
    connect,
    default_artifacts,
    mlflow_settings,
    refuse_foreign_artifacts,
    sqlite_file,
    unwritable,
)
from rnnx_builtin.trackers.mlflow_host import name_unread, say_once
from rnnx_builtin.trackers.mlflow_log import MLflowLog, source_tags, with_parent
from rnnx_builtin.trackers.mlflow_pages import (
    experiments_of,
    run_page,
    runs_page,
    stored_experiments_of,
)
from rnnx_builtin.trackers.mlflow_place import STORE_TAG, read_where_it_is
from rnnx_builtin.trackers.mlflow_readback import create, remove_torn_files, run_in_store
from rnnx_builtin.trackers.mlflow_rehearsal import rehearse
from rnnx_builtin.trackers.mlflow_rows import newest_runs, summary
from rnnx_builtin.trackers.mlflow_system import NEEDS, SystemMetrics, has_psutil
from rnnx_builtin.trackers.mlflow_views import keep_view

NAME_LENGTH = 256  # of an experiment, in MLflow's databases
RUNS_PER_CALL = 50_000  # MLflow's limit
RUN_ID = r"[A-Za-z0-9][\w-]{0,255}"  # what MLflow takes for an id


@dataclass(frozen=True)
class MLflow:
    """Params, metrics by step, samples and checkpoints in MLflow."""

    environment: ClassVar[tuple[str, ...]] = ("MLFLOW_TRACKING_URI",)
    preload: ClassVar[tuple[str, ...]] = (
        "mlflow",
        "mlflow.store.tracking.sqlalchemy_workspace_store",
        "sqlalchemy.dialects.sqlite",
        "alembic.command",
        "alembic.config",
    )

    uri: str = ""
    """The store: sqlite:///FILE, http://HOST:PORT, postgresql://…; empty: see above. A password in
    it is used and kept nowhere: later commands take it from MLFLOW_TRACKING_URI."""
    experiment: str = "rnnx"
    """The experiment's name."""
    system_metrics: bool = False
    """Log the machine's use of CPU, memory, disk and network, too; needs psutil."""

    def __post_init__(self) -> None:
        require(bool(self.experiment.strip()), "experiment", "a name", repr(self.experiment))
        is_short = len(self.experiment) <= NAME_LENGTH
        require(is_short, "experiment", f"at most {NAME_LENGTH} characters", self.experiment)

    def warm_up(self) -> None:
        """Open a SQLite store once for all jobs of a sweep, which are forked from this process.

        What MLflow has looked up and compiled for it stays; no connection does, nor a thread.
        """
        file = sqlite_file(self._uri())
        if file is not None:
            with self._store_errors():
                client = connect(self._uri())
                try:
                    rehearse(client, file)
                finally:
                    close(client)

    def start(self, name: str, params: Mapping[str, str], tags: Mapping[str, str]) -> RunLog:
        name_unread(self.experiment)
        if self.system_metrics and not has_psutil():
            raise StoreError(NEEDS)
        began = int(1000 * float(tags.get(STARTED_TAG) or time.time()))  # before MLflow is imported
        with self._store_errors():
            client = connect(self._uri())
            experiment_id = self._experiment_id(client)
            own = {"mlflow.user": _user(), **source_tags(tags), **with_parent(tags)}
            run = create(client, experiment_id, name, own, start_time=began)
            log = MLflowLog(client, run.info.run_id, self._system(), run)
            try:
                log.params(params)
            except BaseException:  # the caller has no id to end the run by
                with suppress(Exception):  # the first error counts
                    log.finish("FAILED")
                raise
        return log

    def reopen(self, run_id: str) -> RunLog:
        with self._store_errors():
            client = connect(self._uri())
            client.update_run(run_id, status="RUNNING")
            remove_torn_files(run_in_store(client, run_id))
            return MLflowLog(client, run_id, self._system())

    def _system(self) -> SystemMetrics | None:
        if self.system_metrics and not has_psutil():  # on another machine than that of its start
            say_once(f"{NEEDS}; the run goes on without these metrics")
        return SystemMetrics() if self.system_metrics and has_psutil() else None

    def runs(self, limit: int) -> list[RunSummary]:
        return self._search("", limit)

    def find(self, prefix: str) -> list[RunSummary]:
        if not prefix.isalnum():
            return []
        return self._search(prefix, RUNS_PER_CALL)

    def entry(self, run_id: str) -> RunSummary | None:
        file = sqlite_file(self._uri())
        if (file is not None and not file.is_file()) or not re.fullmatch(RUN_ID, run_id):
            return None
        with self._store_errors():
            client = connect(self._uri(), to_read=True)
            found = client.get_experiment_by_name(self.experiment)
            if found is None:
                return None
            self._refuse_deleted(found)
            run = _run(client, run_id)
            if run is None or run.info.lifecycle_stage != "active":
                return None
            return _summary(run) if run.info.experiment_id == found.experiment_id else None

    def fetch(self, run_id: str, path: str, into: Path) -> Path:
        with self._store_errors():
            client = connect(self._uri(), to_read=True)
            refuse_foreign_artifacts(self._uri(), client.get_run(run_id).info.artifact_uri)
            folder = path.rpartition("/")[0] or None
            if path not in {artifact.path for artifact in client.list_artifacts(run_id, folder)}:
                raise RunNotFound(f"{run_id}: the run keeps no {path}")
            return Path(client.download_artifacts(run_id, path, str(into)))

    def history(self, run_id: str, key: str) -> list[Point]:
        with self._store_errors():
            found = connect(self._uri(), to_read=True).get_metric_history(run_id, key)
        points = [Point(key, m.value, m.step, m.timestamp) for m in found]
        return sorted(points, key=lambda point: (point.step, point.timestamp))

    def ui(self, host: str, port: int) -> UI:
        uri = self._uri()
        # The mode that shows runs and metrics first, not tools for language models.
        mode = "/?workflowType=machine_learning#/experiments"
        if uri.startswith(("http:", "https:")):
            return UI(without_password(uri).rstrip("/") + mode, [], {})
        file = sqlite_file(uri)
        if file is not None and file.is_file():
            read_where_it_is(file)
            mode += runs_page(file, self.experiment)
        where = ["--default-artifact-root", default_artifacts(uri)]
        own = ["--host", host, "--port", str(port), "--workers", "1"]
        # Neither the server nor its workers import modules of the working folder.
        command = [sys.executable, "-P", "-m", "mlflow", "ui", *where, *own]
        # The server's job runner would take 2 GB, and nothing here uses it.
        jobs = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"
        environment = {**SETTINGS, **_only_for(host, port), jobs: "false", "PYTHONSAFEPATH": "1"}
        own_values = {k: os.environ[k] for k in environment if k in os.environ}
        # Not on the command line, which every user of the machine can read.
        store = {"MLFLOW_BACKEND_STORE_URI": address(uri)}
        if os.environ.get("PYTHONWARNINGS"):
            store["PYTHONWARNINGS"] = "default"  # as an error, a warning of MLflow's would end it
        return UI(f"http://{host}:{port}{mode}", command, environment | own_values | store)

    def view(self, view: View, host: str, port: int) -> UI:
        ui, file = self.ui(host, port), sqlite_file(self._uri())
        if file is not None and not file.is_file():
            return ui  # reading creates no store
        with self._store_errors():
            client = connect(self._uri())
            found = client.get_experiment_by_name(self.experiment)
            if found is None:
                return ui
            page = keep_view(client, found, view)
        return ui._replace(address=ui.address.partition("#")[0] + page)

    def run_pages(self, run_ids: Sequence[str], host: str, port: int) -> Mapping[str, str]:
        file = sqlite_file(self._uri())
        known = [run_id for run_id in run_ids if re.fullmatch(RUN_ID, run_id)]
        if file is not None:
            found = stored_experiments_of(known, file)
        elif not is_named(self._uri()):  # a folder from anybody leads to a server of anybody
            found = []
        else:
            with self._store_errors():
                client = connect(self._uri(), to_read=True)
                found = list(experiments_of(known, client, self.experiment))
        start = self.ui(host, port).address.partition("#")[0] if found else ""
        return {run: start + run_page(run, experiment) for run, experiment in found}

    def _uri(self) -> str:
        """The store's address, with its password."""
        given = whole(self.uri) or os.environ.get("MLFLOW_TRACKING_URI", "")
        return given or f"sqlite:///{Path.cwd() / 'mlflow.db'}"

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            from mlflow.exceptions import MlflowException

            uri = self._uri()
            file = sqlite_file(uri)
            local = default_artifacts(uri) if file else None
            tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's view
            if file:
                tags[STORE_TAG] = str(file.resolve())
            try:
                made = client.create_experiment(self.experiment, artifact_location=local, tags=tags)
                return str(made)
            except MlflowException:
                found = client.get_experiment_by_name(self.experiment)  # another job made it
                if found is None:
                    raise
        self._refuse_deleted(found)
        return str(found.experiment_id)

    def _refuse_deleted(self, found: Any) -> None:
        uri = without_password(self._uri())
        if found.lifecycle_stage not in ("active", "deleted"):
            raise StoreError(
                f"tracker.uri={uri}: what answers there is no MLflow server (it gave an "
                "experiment without a name); check the address, or train with tracker=none"
            )
        if found.lifecycle_stage == "deleted":
            raise StoreError(
                f"tracker.experiment={self.experiment}: was deleted in {uri}; "
                "restore it in the MLflow UI or choose another name"
            )

    def _search(self, prefix: str, limit: int) -> list[RunSummary]:
        """The newest runs whose ids begin with ``prefix``."""
        file, limit = sqlite_file(self._uri()), min(limit, RUNS_PER_CALL)
        if file is not None:
            if not file.is_file():
                return []  # reading creates no store
            with suppress(sqlite3.Error):  # the client says what is wrong
                read_where_it_is(file)
                found = newest_runs(file, self.experiment, prefix, limit)
                if found is not None:
                    return found
        return [run for run in self._asked(limit) if run.id.startswith(prefix)]

    def _asked(self, limit: int) -> list[RunSummary]:
        """The newest runs that MLflow's client is told."""
        with self._store_errors():
            client = connect(self._uri(), to_read=True)
            found = client.get_experiment_by_name(self.experiment)
            if found is None:
                return []
            order = ["attributes.start_time DESC"]
            runs = client.search_runs([found.experiment_id], "", max_results=limit, order_by=order)
        return [_summary(run) for run in runs]

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """What MLflow raises becomes a StoreError of one line."""
        try:
            with mlflow_settings():
                yield
        except RnnxError:
            raise
        except Exception as error:  # of SQLAlchemy, requests or MLflow: a dozen classes
            where, cause = without_password(self._uri()), cause_of(error)
            if UNWRITABLE.search(cause):
                raise unwritable(where, cause) from error
            advice = "name another with tracker.uri=sqlite:///FILE, or train with tracker=none"
            if DAMAGED.search(cause):
                advice = (
                    "move its file away; `rnnx sync RUN` sends a run from its folder to a new one"
                )
            raise StoreError(
                f"tracker.uri={where}: the store cannot be used ({cause}); {advice}"
            ) from error


def _run(client: Any, run_id: str) -> Any:
    """MLflow's run; None only where the store itself says that it has none."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # a proxy's 404 has another code
            raise
        return None
    if run.info.run_id != run_id:
        raise StoreError("what answers there is no MLflow server: it gave a run without an id")
    return run


def _only_for(host: str, port: int) -> dict[str, str]:
    """Whom MLflow's server answers, in the environment: versions that cannot choose ignore it.

    Its own choice has every name that begins as a private address does, 10.0.0.1.example.com too.
    Another port is a tunnel's.
    """
    names = (host, "localhost")
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join([*names, *(f"{name}:*" for name in names)]),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{n}:{port}" for n in names),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _summary(run: Any) -> RunSummary:
    info, data = run.info, run.data
    about = info.run_id, info.status, info.run_name, info.start_time
    return summary(*about, data.metrics, data.tags)
