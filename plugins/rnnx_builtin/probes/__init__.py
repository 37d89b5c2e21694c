"""Probes."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_probes(register: Register) -> None:
    register("distributions", "rnnx_builtin.probes.distributions:Distributions")
    register("gradient_by_lag", "rnnx_builtin.probes.gradient_by_lag:GradientByLag")
    register("gradient_norms", "rnnx_builtin.probes.gradient_norms:GradientNorms")
    register("hidden_units", "rnnx_builtin.probes.hidden_units:HiddenUnits")
    register("memory_horizon", "rnnx_builtin.probes.memory_horizon:MemoryHorizon")
    register("saturation", "rnnx_builtin.probes.saturation:Saturation")
