"""One open run in an MLflow store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Kept, Point
from rnnx.errors import StoreError, StoreUnwritable
from rnnx_builtin.trackers.mlflow_client import (
    UNWRITABLE,
    cause_of,
    mlflow_settings,
    refuse_foreign_artifacts,
)
from rnnx_builtin.trackers.mlflow_readback import (
    kept,
    remove_artifact,
    run_in_store,
    torn_images,
    whole_images,
)

# Limits of MLflow.
PARAM_LENGTH, TAG_LENGTH = 6000, 5000  # characters
BEST, DESCRIPTION = "best.run", "mlflow.note.content"  # tags; MLflow shows the second as Markdown
LINK = "Best run: ["
PARAMS_PER_CALL, METRICS_PER_CALL = 100, 1000


def with_parent(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, with MLflow's own tag on a run that is a job of a sweep, and no other of MLflow's.

    Those of another entry say how that one was made.
    """
    parent = tags.get("rnnx.parent")
    own = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
    return own | ({"mlflow.parentRunId": parent} if parent else {})


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

    def __init__(self, client: Any, run_id: str) -> None:
        self.id = run_id
        self._client = client
        self._is_place_checked = False

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

        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        for i in range(0, len(metrics), METRICS_PER_CALL):
            self._client.log_batch(self.id, metrics=metrics[i : i + METRICS_PER_CALL])

    @_store_errors()
    def tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        set_here = {key: value for key, value in with_parent(tags).items() if value}
        if best := tags.get(BEST):
            set_here |= self._link(best)
        self._client.log_batch(
            self.id, tags=[RunTag(k, v[:TAG_LENGTH]) for k, v in set_here.items()]
        )
        if removed := [key for key, value in tags.items() if not value]:
            there = run_in_store(self._client, self.id).data.tags
            for key in removed:
                if key in there:
                    self._client.delete_tag(self.id, key)

    def _link(self, best: str) -> dict[str, str]:
        """The tag with a link to a sweep's best run, unless the user has written a description."""
        run = run_in_store(self._client, self.id)
        if not run.data.tags.get(DESCRIPTION, LINK).startswith(LINK):
            return {}
        page = f"#/experiments/{run.info.experiment_id}/runs/{best}"
        return {DESCRIPTION: f"{LINK}{best}]({page})"}

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

    def _check_place(self) -> None:
        """Refuse to send files to another server than the store's: the store names the place."""
        if not self._is_place_checked:
            place = self._client.get_run(self.id).info.artifact_uri
            refuse_foreign_artifacts(self._client.tracking_uri, place)
            self._is_place_checked = True

    @_store_errors()
    def remove(self, path: str) -> None:
        if path in {found.path for found in self._client.list_artifacts(self.id)}:
            remove_artifact(self._client, self.id, path)

    @_store_errors()
    def kept(self) -> Kept:
        return kept(self._client, self.id)

    @_store_errors()
    def count(self, key: str) -> int | None:
        if not str(self._client.tracking_uri).startswith("http"):
            return None  # a database has what it has committed
        return len(self._client.get_metric_history(self.id, key))

    @_store_errors()
    def finish(self, status: str, ended: float | None = None) -> None:
        when = None if ended is None else int(ended * 1000)
        self._client.set_terminated(self.id, status, end_time=when)
