"""Trackers."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_trackers(register: Register) -> None:
    register("mlflow", "rnnx_builtin.trackers.mlflow_store:MLflow")
    register("none", "rnnx_builtin.trackers.none:Nothing")
