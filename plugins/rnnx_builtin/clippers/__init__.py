"""Clippers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.clippers.global_norm import GlobalNorm
from rnnx_builtin.clippers.none import Unclipped
from rnnx_builtin.clippers.value import Value


@hookimpl
def register_clippers(register: Register) -> None:
    register("none", Unclipped)
    register("value", Value)
    register("global_norm", GlobalNorm)
