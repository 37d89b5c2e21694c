"""Data sets."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.datasets.dinosaurs import Dinosaurs
from rnnx_builtin.datasets.lines import Lines
from rnnx_builtin.datasets.text import Text


@hookimpl
def register_datasets(register: Register) -> None:
    register("dinosaurs", Dinosaurs)
    register("lines", Lines)
    register("text", Text)
