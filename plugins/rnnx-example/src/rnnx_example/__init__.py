"""The cell tide, written three times."""

import rnnx
from rnnx_example import tide, tide_derived, tide_stepwise

requires_api = 1


@rnnx.hookimpl
def register_cells(register: rnnx.Register) -> None:
    register("tide_derived", tide_derived.Tide)
    register("tide_stepwise", tide_stepwise.Tide)
    register("tide", tide.Tide)


@rnnx.hookimpl
def conf_paths() -> list[str]:
    return ["pkg://rnnx_example.conf"]
