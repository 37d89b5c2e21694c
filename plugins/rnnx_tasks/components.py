"""Components: the tasks of this package."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_tasks.parity import Parity


@hookimpl
def register_datasets(register: Register) -> None:
    register("parity", Parity)
