"""Data sets."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_builtin.datasets.classified import Classified
from rnnx_builtin.datasets.csv import Csv
from rnnx_builtin.datasets.dinosaurs import Dinosaurs
from rnnx_builtin.datasets.lines import Lines
from rnnx_builtin.datasets.npz import Npz
from rnnx_builtin.datasets.tagged import Tagged
from rnnx_builtin.datasets.text import Text


@hookimpl
def register_datasets(register: Register) -> None:
    register("classified", Classified)
    register("csv", Csv)
    register("dinosaurs", Dinosaurs)
    register("lines", Lines)
    register("npz", Npz)
    register("tagged", Tagged)
    register("text", Text)
