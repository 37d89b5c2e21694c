"""Components: the tasks of this package."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    """One line a task."""
