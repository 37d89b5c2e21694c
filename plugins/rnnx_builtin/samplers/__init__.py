"""Samplers."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.samplers.categorical import Categorical
from rnnx_builtin.samplers.greedy import Greedy
from rnnx_builtin.samplers.top_k import TopK
from rnnx_builtin.samplers.top_p import TopP


@hookimpl
def register_samplers(register: Register) -> None:
    register("categorical", Categorical)
    register("greedy", Greedy)
    register("top_k", TopK)
    register("top_p", TopP)
