"""Recurrent cells, and the blocks around them."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.blocks import register_blocks as register_blocks
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla


@hookimpl
def register_cells(register: Register) -> None:
    register("vanilla", Vanilla)
    register("lstm", LSTM)
    register("gru", GRU)
