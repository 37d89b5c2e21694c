"""One open run in an MLflow store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Point
from rnnx.errors import StoreError
from rnnx_builtin.trackers.mlflow_client import cause_of, quietly

PARAM_LENGTH = 6000  # characters, MLflow's limit
PARAMS, METRICS = 100, 1000  # a batch, MLflow's limits


def nested(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags, and MLflow's own for a run that belongs to a sweep's."""
    parent = tags.get("rnnx.parent")
    return dict(tags) | ({"mlflow.parentRunId": parent} if parent else {})


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Trouble with an open run becomes a StoreError of one line."""
    try:
        with quietly():
            yield
    except Exception as error:
        raise StoreError(cause_of(error)) from error


class MLflowLog:
    """One open run in an MLflow store."""

    def __init__(self, client: Any, run_id: str) -> None:
        self.id = run_id
        self._client = client

    @_in_one_line()
    def params(self, params: Mapping[str, str]) -> None:
        """Store parameters; what is too long for MLflow is cut, with an ellipsis."""
        from mlflow.entities import Param

        cut = [
            Param(key, value if len(value) <= PARAM_LENGTH else value[: PARAM_LENGTH - 1] + "…")
            for key, value in params.items()
        ]
        for i in range(0, len(cut), PARAMS):
            self._client.log_batch(self.id, params=cut[i : i + PARAMS])

    @_in_one_line()
    def points(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(p.key, p.value, p.timestamp, p.step) for p in points]
        for i in range(0, len(metrics), METRICS):
            self._client.log_batch(self.id, metrics=metrics[i : i + METRICS])

    @_in_one_line()
    def tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.id, tags=[RunTag(k, v[:5000]) for k, v in nested(tags).items()])

    @_in_one_line()
    def file(self, path: Path, folder: str = "") -> None:
        self._client.log_artifact(self.id, str(path), folder or None)

    @_in_one_line()
    def image(self, name: str, path: Path, step: int) -> None:
        from PIL import Image

        # MLflow gives each image a name of its own; one that is sent again must not be there twice.
        start = f"images/{name}+step+{step}+"
        there = self._client.list_artifacts(self.id, "images")
        if any(found.path.startswith(start) for found in there):
            return
        with Image.open(path) as image:
            self._client.log_image(self.id, image, key=name, step=step, synchronous=True)

    @_in_one_line()
    def finish(self, status: str, ended: float | None = None) -> None:
        when = None if ended is None else int(ended * 1000)
        self._client.set_terminated(self.id, status, end_time=when)
