"""Samplers."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_samplers(register: Register) -> None:
    register("categorical", "rnnx_builtin.samplers.categorical:Categorical")
    register("greedy", "rnnx_builtin.samplers.greedy:Greedy")
    register("top_k", "rnnx_builtin.samplers.top_k:TopK")
    register("top_p", "rnnx_builtin.samplers.top_p:TopP")
