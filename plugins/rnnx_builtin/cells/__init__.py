"""Recurrent cells."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_cells(register: Register) -> None:
    register("vanilla", "rnnx_builtin.cells.vanilla:Vanilla")
    register("lstm", "rnnx_builtin.cells.lstm:LSTM")
    register("gru", "rnnx_builtin.cells.gru:GRU")
