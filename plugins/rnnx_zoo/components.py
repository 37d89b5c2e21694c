"""Components: the cells of this package."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_zoo.min_gru import MinGRU


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
    register("min_gru", MinGRU)
