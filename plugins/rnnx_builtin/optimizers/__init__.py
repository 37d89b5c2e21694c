"""Optimizers."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_optimizers(register: Register) -> None:
    register("sgd", "rnnx_builtin.optimizers.sgd:SGD")
    register("momentum", "rnnx_builtin.optimizers.momentum:Momentum")
    register("rmsprop", "rnnx_builtin.optimizers.rmsprop:RMSProp")
    register("adagrad", "rnnx_builtin.optimizers.adagrad:AdaGrad")
    register("adam", "rnnx_builtin.optimizers.adam:Adam")
    register("adamw", "rnnx_builtin.optimizers.adamw:AdamW")
    register("nadam", "rnnx_builtin.optimizers.nadam:NAdam")
    register("radam", "rnnx_builtin.optimizers.radam:RAdam")
    register("lion", "rnnx_builtin.optimizers.lion:Lion")
