"""Recurrent cells."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla


@hookimpl
def register_cells(register: Register) -> None:
    register("vanilla", Vanilla)
    register("lstm", LSTM)
    register("gru", GRU)
