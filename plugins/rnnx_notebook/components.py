"""Components: the notebook's data order, initialisation, sampling, and vanishing gradients."""

from rnnx.registry.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    register("legacy_lines", "rnnx_notebook.legacy_lines:LegacyLines")


@hookimpl
def register_initializers(register: Register) -> None:
    register("legacy_normal", "rnnx_notebook.legacy_normal:LegacyNormal")


@hookimpl
def register_samplers(register: Register) -> None:
    register("legacy_categorical", "rnnx_notebook.legacy_categorical:LegacyCategorical")


@hookimpl
def register_probes(register: Register) -> None:
    register("vanishing_gradient", "rnnx_notebook.vanishing_gradient:VanishingGradient")
