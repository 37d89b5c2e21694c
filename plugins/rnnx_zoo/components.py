"""Components: the cells of this package, and the initialisers that their papers use."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_cells(register: Register) -> None:
    """One line a cell."""
    register("mgu", "rnnx_zoo.mgu:MGU")
    register("ugrnn", "rnnx_zoo.ugrnn:UGRNN")
    register("janet", "rnnx_zoo.janet:JANET")
    register("nbrc", "rnnx_zoo.nbrc:NBRC")
    register("peephole_lstm", "rnnx_zoo.peephole_lstm:PeepholeLSTM")
    register("layernorm_lstm", "rnnx_zoo.layernorm_lstm:LayerNormLSTM")
    register("lstm_1997", "rnnx_zoo.lstm_1997:LSTM1997")
    register("indrnn", "rnnx_zoo.indrnn:IndRNN")
    register("lem", "rnnx_zoo.lem:LEM")
    register("cornn", "rnnx_zoo.cornn:CoRNN")
    register("min_gru", "rnnx_zoo.min_gru:MinGRU")
    register("min_lstm", "rnnx_zoo.min_lstm:MinLSTM")
    register("sru", "rnnx_zoo.sru:SRU")
    register("lru", "rnnx_zoo.lru:LRU")
    register("rg_lru", "rnnx_zoo.rg_lru:RGLRU")
    register("slstm", "rnnx_zoo.slstm:SLSTM")
    register("mlstm", "rnnx_zoo.mlstm:MLSTM")
    register("gated_delta", "rnnx_zoo.gated_delta:GatedDelta")
    register("stack_rnn", "rnnx_zoo.stack_rnn:StackRNN")


@hookimpl
def register_initializers(register: Register) -> None:
    register("uniform_in", "rnnx_zoo.fan_uniform:UniformIn")
    register("uniform_out", "rnnx_zoo.fan_uniform:UniformOut")
