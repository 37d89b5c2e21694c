"""Blocks: what stands around a cell in a layer."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.blocks.convolution import Convolution
from rnnx_builtin.blocks.feedforward import FeedForward
from rnnx_builtin.blocks.hawk import HawkBlock
from rnnx_builtin.blocks.mingru import MinGRUBlock
from rnnx_builtin.blocks.none import NoBlock
from rnnx_builtin.blocks.prenorm import PreNorm
from rnnx_builtin.blocks.residual import Residual
from rnnx_builtin.blocks.xlstm import XLSTMBlock


@hookimpl
def register_blocks(register: Register) -> None:
    register("none", NoBlock)
    register("residual", Residual)
    register("prenorm", PreNorm)
    register("feedforward", FeedForward)
    register("convolution", Convolution)
    register("mingru", MinGRUBlock)
    register("xlstm", XLSTMBlock)
    register("hawk", HawkBlock)
