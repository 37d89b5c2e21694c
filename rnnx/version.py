"""The version of rnnx; a test holds it against pyproject.toml."""

__version__ = "0.1.0"
