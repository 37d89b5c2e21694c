"""Trackers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.trackers.mlflow_store import MLflow
from rnnx_builtin.trackers.none import Nothing


@hookimpl
def register_trackers(register: Register) -> None:
    register("mlflow", MLflow)
    register("none", Nothing)
