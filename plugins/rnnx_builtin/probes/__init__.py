"""Probes."""

from rnnx.hookspecs import Register, hookimpl
from rnnx_builtin.probes.gradient_by_lag import GradientByLag
from rnnx_builtin.probes.gradient_norms import GradientNorms


@hookimpl
def register_probes(register: Register) -> None:
    register("gradient_by_lag", GradientByLag)
    register("gradient_norms", GradientNorms)
