"""Components: the notebook's data order, initialisation, sampling, and vanishing gradients."""

from rnnx.registry.hookspecs import Register, hookimpl
from rnnx_notebook.legacy_categorical import LegacyCategorical
from rnnx_notebook.legacy_lines import LegacyLines
from rnnx_notebook.legacy_normal import LegacyNormal
from rnnx_notebook.vanishing_gradient import VanishingGradient


@hookimpl
def register_datasets(register: Register) -> None:
    register("legacy_lines", LegacyLines)


@hookimpl
def register_initializers(register: Register) -> None:
    register("legacy_normal", LegacyNormal)


@hookimpl
def register_samplers(register: Register) -> None:
    register("legacy_categorical", LegacyCategorical)


@hookimpl
def register_probes(register: Register) -> None:
    register("vanishing_gradient", VanishingGradient)
