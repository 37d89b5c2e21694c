"""Components: the cells of this package."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_zoo.mgu import MGU


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
    register("mgu", MGU)
