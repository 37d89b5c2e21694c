"""What a run computes with: NumPy, or compiled kernels where they are installed.

The two sum in different orders, so they round differently: the choice is a function of the
configuration and of the step (and of whether numba is installed), and is kept in every checkpoint.
It asks nothing of how long the run will be: a run that goes on for longer than was planned is
the run that had been planned so, bit for bit.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from rnnx.config.settings import Backend, Train
from rnnx.contracts.components import Cell
from rnnx.contracts.parameters import Parameters
from rnnx.contracts.scratch import Scratch
from rnnx.errors import ConfigError
from rnnx.models.network import Network, States
from rnnx.system.threads import blas_libraries, processors

ENOUGH = 48  # batch_size · hidden_size; below, a run is over before the compiler is loaded


def choose(settings: Train, hidden_size: int, done: int) -> Backend:
    """numpy or fast: what ``backend`` says, or for auto what pays for steps of this size.

    ``done`` is how many steps were made: the first is NumPy's, so that a look at a configuration
    (``steps=1``) does not wait for the compiler.
    """
    wanted = settings.backend
    if wanted is Backend.fast and not is_installed():
        raise ConfigError(
            "backend=fast: numba is not installed; pip install 'rnnx[fast]', "
            "or choose backend=numpy or backend=auto"
        )
    if wanted is not Backend.auto:
        return wanted
    large = settings.batch_size * hidden_size >= ENOUGH
    return Backend.fast if done and large and is_installed() else Backend.numpy


def kept(name: str) -> Backend:
    """The backend that a checkpoint was made with, or numpy where that is not installed."""
    return Backend.fast if name == Backend.fast.value and is_installed() else Backend.numpy


def load(network: Network, params: Parameters, states: States, threads: int) -> None:
    """Load the kernels of a network, or compile them, by a step there and back that leaves nothing.

    ``states`` are any of the batch's size; they and ``params`` are not changed.
    """
    ids = np.zeros((2, states[0][0].shape[1]), np.intp)
    scratch = Scratch(True, threads)
    h, _, caches = network.forward(params, ids, states, None, scratch)
    own = scratch.child("head")
    _, _, cache = network.head.forward(params["head"], h, ids, None, own)
    _, dh = network.head.backward(params["head"], cache, own)
    network.backward(params, caches, dh, scratch)


def is_installed() -> bool:
    """Whether the compiler is there; nothing is imported."""
    try:
        return find_spec("numba") is not None
    except (ImportError, ValueError):  # something stands in its place
        return False


LARGE = 2**18  # n_a²·B of a step's recurrent product; a second thread pays above it


def thread_count(settings: Train, cell: Cell) -> int:
    """``threads`` if it is set, else 2 where a step's product is large enough for two, else 1."""
    if settings.threads:
        return settings.threads
    wanted = 2 if cell.hidden_size**2 * settings.batch_size > LARGE else 1
    return min(wanted, _limit())


def _limit() -> int:
    """The threads that somebody allowed: fewer than the processors only if on purpose."""
    allowed = min((library.get_num_threads() for library in blas_libraries()), default=1)
    return allowed if allowed < processors() else max(allowed, 2)
