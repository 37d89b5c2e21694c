"""One open run in an MLflow store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnx.contracts import TOTALS, DataPart, Kept, SavedCheckpoint
from rnnx.contracts.trackers import Point
from rnnx.errors import StoreError, StoreUnwritable
from rnnx_builtin.trackers.mlflow_client import (
    UNWRITABLE,
    cause_of,
    mlflow_settings,
    refuse_foreign_artifacts,
)
from rnnx_builtin.trackers.mlflow_models import log_data, set_checkpoints
from rnnx_builtin.trackers.mlflow_note import note
from rnnx_builtin.trackers.mlflow_readback import (
    kept,
    remove_artifact,
    run_in_store,
    torn_images,
    whole_images,
)
from rnnx_builtin.trackers.mlflow_system import SystemMetrics
from rnnx_builtin.trackers.mlflow_table import log_table

# Limits of MLflow.
PARAM_LENGTH, TAG_LENGTH = 6000, 5000  # characters
PARENT, MLFLOW_PARENT = "rnnx.parent", "mlflow.parentRunId"  # tags of a sweep's job
FRESH = 5.0  # seconds
PARAMS_PER_CALL, METRICS_PER_CALL = 100, 1000


def with_parent(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, with MLflow's own tag on a run that is a job of a sweep, and no other of MLflow's.

    Those of another entry say how that one was made. MLflow shows the state of git in a place of
    its own (:func:`source_tags`).
    """
    parent, elsewhere = tags.get(PARENT), ("mlflow.", "git.", PARENT)
    own = {key: value for key, value in tags.items() if not key.startswith(elsewhere)}
    return own | ({MLFLOW_PARENT: parent} if parent else {})


def as_told(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of an entry as rnnx set them: the inverse of :func:`with_parent`."""
    parent = tags.get(MLFLOW_PARENT)
    return {**tags, **({PARENT: parent} if parent else {})}


def source_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """MLflow's tags of what made a run: the program, and git's commit, branch and state."""
    program = {"mlflow.source.name": "rnnx train", "mlflow.source.type": "LOCAL"}
    git = {f"mlflow.source.{key}": value for key, value in tags.items() if key.startswith("git.")}
    return program | git


@contextmanager
def _store_errors() -> Iterator[None]:
    """What MLflow raises becomes a StoreError of one line, StoreUnwritable for a full disk."""
    try:
        with mlflow_settings():
            yield
    except Exception as error:
        what = cause_of(error)
        raise (StoreUnwritable if UNWRITABLE.search(what) else StoreError)(what) from error


class MLflowLog:
    """One open run in an MLflow store."""

    def __init__(
        self,
        client: Any,
        run_id: str,
        system: SystemMetrics | None = None,
        created: Any = None,
    ) -> None:
        """``created`` is MLflow's run where it was created just now."""
        self.id = run_id
        self._client, self._system = client, system
        # What is known of a run that was created just now, and else is asked for.
        self._place: str | None = None if created is None else created.info.artifact_uri
        self._is_place_checked, self._has_models = False, created is None
        # MLflow's run where somebody has just read it, which takes milliseconds, and when that was.
        self._created = created, time.monotonic()
        self._described: tuple[Any, float] = None, 0.0
        # None: nobody has asked yet
        self._are_totals_dated: bool | None = None if created is None else False

    @_store_errors()
    def params(self, params: Mapping[str, str]) -> None:
        """Store parameters; one that is too long for MLflow is cut and ends in an ellipsis."""
        from mlflow.entities import Param

        cut = [
            Param(key, value if len(value) <= PARAM_LENGTH else value[: PARAM_LENGTH - 1] + "…")
            for key, value in params.items()
        ]
        for i in range(0, len(cut), PARAMS_PER_CALL):
            self._client.log_batch(self.id, params=cut[i : i + PARAMS_PER_CALL])

    @_store_errors()
    def points(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(p.key, p.value, p.timestamp, self._step(p)) for p in points]
        if self._system:
            metrics += self._system.metrics([p for p in points if not p.key.startswith(TOTALS)])
        for i in range(0, len(metrics), METRICS_PER_CALL):
            self._client.log_batch(self.id, metrics=metrics[i : i + METRICS_PER_CALL])

    def _run(self, just_read: tuple[Any, float]) -> Any:
        """``just_read``, a run and when it was read, if that is a moment ago; else the run now."""
        run, when = just_read
        if run is not None and time.monotonic() - when < FRESH:
            return run
        return run_in_store(self._client, self.id)

    def _step(self, point: Point) -> int:
        """The step at which MLflow gets a point: 0 for a total, which it then draws as a bar.

        In an entry by an earlier rnnx totals have the step at which they were measured, and MLflow
        takes the value of the highest step for the newest.
        """
        if not point.key.startswith(TOTALS):
            return point.step
        if self._are_totals_dated is None:
            there = run_in_store(self._client, self.id).data.metrics
            known = next((key for key in there if key.startswith(TOTALS)), None)
            history = self._client.get_metric_history(self.id, known) if known else []
            self._are_totals_dated = any(metric.step > 0 for metric in history)
        return point.step if self._are_totals_dated else 0

    @_store_errors()
    def data(self, parts: Sequence[DataPart]) -> None:
        log_data(self._client, self.id, parts)

    @_store_errors()
    def checkpoints(self, saved: Sequence[SavedCheckpoint]) -> None:
        run, self._described = self._run(self._described), (None, 0.0)
        may_have, self._has_models = self._has_models, True
        set_checkpoints(self._client, run, saved, may_have)

    @_store_errors()
    def describe(self, text: str) -> None:
        from mlflow.entities import RunTag

        run = self._run(self._created)
        is_whole = run is not self._created[0]  # it had no parameters yet when it was created
        self._described = (run, time.monotonic()) if is_whole else (None, 0.0)
        self._created = None, 0.0
        tags = note(text, run)
        self._client.log_batch(self.id, tags=[RunTag(*tag) for tag in tags.items()])

    @_store_errors()
    def tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        set_here = {key: value for key, value in with_parent(tags).items() if value}
        self._client.log_batch(
            self.id, tags=[RunTag(k, v[:TAG_LENGTH]) for k, v in set_here.items()]
        )
        if removed := [key for key, value in tags.items() if not value]:
            there = run_in_store(self._client, self.id).data.tags
            for key in removed:
                if key in there:
                    self._client.delete_tag(self.id, key)

    @_store_errors()
    def file(self, path: Path, folder: str = "") -> None:
        self._check_place()
        self._client.log_artifact(self.id, str(path), folder or None)

    @_store_errors()
    def image(self, name: str, path: Path, step: int) -> None:
        from PIL import Image

        self._check_place()

        # MLflow gives each image a name of its own; one that is sent again must not be there twice.
        listed = self._client.list_artifacts(self.id, "images")
        there = {found.path: int(found.file_size or 0) for found in listed}
        if (name, step) in whole_images(there):
            return
        for part in torn_images(there, name, step):
            remove_artifact(self._client, self.id, part)
        with Image.open(path) as image:
            self._client.log_image(self.id, image, key=name, step=step, synchronous=True)

    @_store_errors()
    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._check_place()
        log_table(self._client, self.id, name, columns, rows)

    def _check_place(self) -> None:
        """Refuse to send files to another server than the store's: the store names the place."""
        if not self._is_place_checked:
            place = self._place or self._client.get_run(self.id).info.artifact_uri
            refuse_foreign_artifacts(self._client.tracking_uri, place)
            self._is_place_checked = True

    @_store_errors()
    def remove(self, path: str) -> None:
        if path in {found.path for found in self._client.list_artifacts(self.id)}:
            remove_artifact(self._client, self.id, path)

    @_store_errors()
    def kept(self) -> Kept:
        return kept(self._client, self.id)

    def count(self, key: str) -> int | None:
        if not str(self._client.tracking_uri).startswith("http"):
            return None  # a database has what it has committed
        with _store_errors():
            return len(self._client.get_metric_history(self.id, key))

    @_store_errors()
    def finish(self, status: str, ended: float | None = None) -> None:
        when = None if ended is None else int(ended * 1000)
        self._client.set_terminated(self.id, status, end_time=when)
