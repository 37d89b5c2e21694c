"""Heads."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.heads.absolute import Absolute
from rnnx_builtin.heads.bernoulli import Bernoulli
from rnnx_builtin.heads.gaussian import Gaussian
from rnnx_builtin.heads.softmax import Softmax


@hookimpl
def register_heads(register: Register) -> None:
    register("softmax", Softmax)
    register("gaussian", Gaussian)
    register("absolute", Absolute)
    register("bernoulli", Bernoulli)
