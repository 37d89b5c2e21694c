"""Components: the cells of this package, and the initialisers that their papers use."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_zoo.cornn import CoRNN
from rnnx_zoo.fan_uniform import UniformIn, UniformOut
from rnnx_zoo.gated_delta import GatedDelta
from rnnx_zoo.indrnn import IndRNN
from rnnx_zoo.janet import JANET
from rnnx_zoo.layernorm_lstm import LayerNormLSTM
from rnnx_zoo.lem import LEM
from rnnx_zoo.lru import LRU
from rnnx_zoo.lstm_1997 import LSTM1997
from rnnx_zoo.mgu import MGU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.mlstm import MLSTM
from rnnx_zoo.nbrc import NBRC
from rnnx_zoo.peephole_lstm import PeepholeLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.slstm import SLSTM
from rnnx_zoo.sru import SRU
from rnnx_zoo.ugrnn import UGRNN


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
    register("mgu", MGU)
    register("ugrnn", UGRNN)
    register("janet", JANET)
    register("nbrc", NBRC)
    register("peephole_lstm", PeepholeLSTM)
    register("layernorm_lstm", LayerNormLSTM)
    register("lstm_1997", LSTM1997)
    register("indrnn", IndRNN)
    register("lem", LEM)
    register("cornn", CoRNN)
    register("min_gru", MinGRU)
    register("min_lstm", MinLSTM)
    register("sru", SRU)
    register("lru", LRU)
    register("rg_lru", RGLRU)
    register("slstm", SLSTM)
    register("mlstm", MLSTM)
    register("gated_delta", GatedDelta)


@hookimpl
def register_initializers(register: Register) -> None:
    register("uniform_in", UniformIn)
    register("uniform_out", UniformOut)
