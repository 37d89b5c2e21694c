"""The cell tide, written three times, and leaky units with a compiled form."""

import rnnx
from rnnx_example import leaky, tide, tide_derived, tide_stepwise

requires_api = 1


@rnnx.hookimpl
def register_cells(register: rnnx.Register) -> None:
    register("tide_derived", tide_derived.Tide)
    register("tide_stepwise", tide_stepwise.Tide)
    register("tide", tide.Tide)
    register("leaky", leaky.Leaky)


@rnnx.hookimpl
def conf_paths() -> list[str]:
    return ["pkg://rnnx_example.conf"]
