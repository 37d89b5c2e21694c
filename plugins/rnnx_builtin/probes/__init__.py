"""Probes."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.probes.distributions import Distributions
from rnnx_builtin.probes.gradient_by_lag import GradientByLag
from rnnx_builtin.probes.gradient_norms import GradientNorms
from rnnx_builtin.probes.hidden_units import HiddenUnits
from rnnx_builtin.probes.memory_horizon import MemoryHorizon
from rnnx_builtin.probes.saturation import Saturation


@hookimpl
def register_probes(register: Register) -> None:
    register("distributions", Distributions)
    register("gradient_by_lag", GradientByLag)
    register("gradient_norms", GradientNorms)
    register("hidden_units", HiddenUnits)
    register("memory_horizon", MemoryHorizon)
    register("saturation", Saturation)
