"""What a run computes with: NumPy, or compiled kernels where they are installed.

The two sum in different orders, so they round differently: the choice is a function of the
configuration (and of whether numba is installed) and is kept in every checkpoint.
"""

from __future__ import annotations

from importlib.util import find_spec

from rnnx.errors import ConfigError
from rnnx.settings import Backend, Train

ENOUGH = 2**20  # steps · batch_size · hidden_size; below, loading the compiler is not earned back


def choose(settings: Train, hidden_size: int) -> Backend:
    """numpy or fast: what ``backend`` says, or for auto what pays for a run of this size."""
    wanted = settings.backend
    if wanted is Backend.fast and not is_installed():
        raise ConfigError(
            "backend=fast: numba is not installed; pip install 'rnnx[fast]', "
            "or choose backend=numpy or backend=auto"
        )
    if wanted is not Backend.auto:
        return wanted
    large = settings.steps * settings.batch_size * hidden_size >= ENOUGH
    return Backend.fast if large and is_installed() else Backend.numpy


def kept(name: str) -> Backend:
    """The backend that a checkpoint was made with, or numpy where that is not installed."""
    return Backend.fast if name == Backend.fast.value and is_installed() else Backend.numpy


def is_installed() -> bool:
    """Whether the compiler is there; nothing is imported."""
    try:
        return find_spec("numba") is not None
    except (ImportError, ValueError):  # something stands in its place
        return False
