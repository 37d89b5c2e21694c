"""Data sets."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register("classified", "rnnx_builtin.datasets.classified:Classified")
    register("csv", "rnnx_builtin.datasets.csv:Csv")
    register("dinosaurs", "rnnx_builtin.datasets.dinosaurs:Dinosaurs")
    register("lines", "rnnx_builtin.datasets.lines:Lines")
    register("npz", "rnnx_builtin.datasets.npz:Npz")
    register("piano_rolls", "rnnx_builtin.datasets.piano_rolls:PianoRolls")
    register("tagged", "rnnx_builtin.datasets.tagged:Tagged")
    register("text", "rnnx_builtin.datasets.text:Text")
