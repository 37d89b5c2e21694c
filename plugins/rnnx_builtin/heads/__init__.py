"""Heads."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.heads.softmax import Softmax


@hookimpl
def register_heads(register: Register) -> None:
    register("softmax", Softmax)
