"""Heads."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_heads(register: Register) -> None:
    register("softmax", "rnnx_builtin.heads.softmax:Softmax")
    register("adaptive_softmax", "rnnx_builtin.heads.adaptive_softmax:AdaptiveSoftmax")
    register("gaussian", "rnnx_builtin.heads.gaussian:Gaussian")
    register("absolute", "rnnx_builtin.heads.absolute:Absolute")
    register("bernoulli", "rnnx_builtin.heads.bernoulli:Bernoulli")
