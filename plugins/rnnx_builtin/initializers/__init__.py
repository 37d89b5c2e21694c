"""Initializers."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_initializers(register: Register) -> None:
    register("glorot", "rnnx_builtin.initializers.glorot:Glorot")
    register("orthogonal", "rnnx_builtin.initializers.orthogonal:Orthogonal")
    register("normal", "rnnx_builtin.initializers.normal:Normal")
    register("uniform", "rnnx_builtin.initializers.uniform:Uniform")
    register("identity", "rnnx_builtin.initializers.identity:Identity")
    register("zeros", "rnnx_builtin.initializers.zeros:Zeros")
