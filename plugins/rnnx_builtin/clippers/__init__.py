"""Clippers."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_clippers(register: Register) -> None:
    register("none", "rnnx_builtin.clippers.none:Unclipped")
    register("value", "rnnx_builtin.clippers.value:Value")
    register("global_norm", "rnnx_builtin.clippers.global_norm:GlobalNorm")
    register("per_layer", "rnnx_builtin.clippers.per_layer:PerLayer")
    register("adaptive", "rnnx_builtin.clippers.adaptive:Adaptive")
    register("quantile", "rnnx_builtin.clippers.quantile:Quantile")
