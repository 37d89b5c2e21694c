"""What a run computes with: NumPy, or compiled kernels where they are installed.

The two sum in different orders, so they round differently: the choice is a function of the
configuration and of the step (and of whether numba is installed), and is kept in every checkpoint.
It asks nothing of how long the run will be: a run that goes on for longer than was planned is
the run that had been planned so, bit for bit.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from rnnx.errors import ConfigError
from rnnx.model import Network, States
from rnnx.parameters import Parameters
from rnnx.scratch import Scratch
from rnnx.settings import Backend, Train

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
