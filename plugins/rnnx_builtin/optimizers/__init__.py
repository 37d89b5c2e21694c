"""Optimizers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.optimizers.adagrad import AdaGrad
from rnnx_builtin.optimizers.adam import Adam
from rnnx_builtin.optimizers.adamw import AdamW
from rnnx_builtin.optimizers.lion import Lion
from rnnx_builtin.optimizers.momentum import Momentum
from rnnx_builtin.optimizers.nadam import NAdam
from rnnx_builtin.optimizers.radam import RAdam
from rnnx_builtin.optimizers.rmsprop import RMSProp
from rnnx_builtin.optimizers.sgd import SGD


@hookimpl
def register_optimizers(register: Register) -> None:
    register("sgd", SGD)
    register("momentum", Momentum)
    register("rmsprop", RMSProp)
    register("adagrad", AdaGrad)
    register("adam", Adam)
    register("adamw", AdamW)
    register("nadam", NAdam)
    register("radam", RAdam)
    register("lion", Lion)
