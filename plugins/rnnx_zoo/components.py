"""Components: the cells of this package."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_zoo.gated_delta import GatedDelta
from rnnx_zoo.lru import LRU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.mlstm import MLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.slstm import SLSTM
from rnnx_zoo.sru import SRU


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
    register("min_gru", MinGRU)
    register("min_lstm", MinLSTM)
    register("sru", SRU)
    register("lru", LRU)
    register("rg_lru", RGLRU)
    register("slstm", SLSTM)
    register("mlstm", MLSTM)
    register("gated_delta", GatedDelta)
