"""Blocks: what stands around a cell in a layer."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_blocks(register: Register) -> None:
    register("none", "rnnx_builtin.blocks.none:NoBlock")
    register("residual", "rnnx_builtin.blocks.residual:Residual")
    register("prenorm", "rnnx_builtin.blocks.prenorm:PreNorm")
    register("feedforward", "rnnx_builtin.blocks.feedforward:FeedForward")
    register("convolution", "rnnx_builtin.blocks.convolution:Convolution")
    register("mingru", "rnnx_builtin.blocks.mingru:MinGRUBlock")
    register("xlstm", "rnnx_builtin.blocks.xlstm:XLSTMBlock")
    register("hawk", "rnnx_builtin.blocks.hawk:HawkBlock")
