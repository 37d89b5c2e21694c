"""Clippers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.clippers.adaptive import Adaptive
from rnnx_builtin.clippers.global_norm import GlobalNorm
from rnnx_builtin.clippers.none import Unclipped
from rnnx_builtin.clippers.per_layer import PerLayer
from rnnx_builtin.clippers.quantile import Quantile
from rnnx_builtin.clippers.value import Value


@hookimpl
def register_clippers(register: Register) -> None:
    register("none", Unclipped)
    register("value", Value)
    register("global_norm", GlobalNorm)
    register("per_layer", PerLayer)
    register("adaptive", Adaptive)
    register("quantile", Quantile)
