"""Components: the cells of this package."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
