"""Initializers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.initializers.glorot import Glorot
from rnnx_builtin.initializers.identity import Identity
from rnnx_builtin.initializers.normal import Normal
from rnnx_builtin.initializers.orthogonal import Orthogonal
from rnnx_builtin.initializers.uniform import Uniform
from rnnx_builtin.initializers.zeros import Zeros


@hookimpl
def register_initializers(register: Register) -> None:
    register("glorot", Glorot)
    register("orthogonal", Orthogonal)
    register("normal", Normal)
    register("uniform", Uniform)
    register("identity", Identity)
    register("zeros", Zeros)
