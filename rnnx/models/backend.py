"""Which backend and how many threads a run computes with: functions of its configuration.

NumPy and compiled kernels sum in different orders, as two numbers of BLAS threads do, so they
round differently. A run that is to be repeated bit for bit cannot choose by the load of the
machine: backend and threads depend on the configuration, the step and what is installed, and are
kept in every checkpoint. They must not depend on ``steps``: a run resumed to more steps would
otherwise change its earlier results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

import numpy as np

from rnnx.arrays import Array
from rnnx.config.settings import Backend, Train
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Cell
from rnnx.contracts.execution import Execution
from rnnx.data.batch import Batch
from rnnx.errors import ConfigError
from rnnx.models.joined import JoinedPath
from rnnx.models.network import Network, States
from rnnx.models.paths import paths
from rnnx.system.background_kernels import compile_later
from rnnx.system.compiler import may_be_there, prepare_to_compile, why_not
from rnnx.system.kernels import Call, compile_together, helpers_ready, looking
from rnnx.system.threads import BlasThreads, processors, usual_threads

Given = tuple[Network, Parameters, States]  # what kernels are loaded by, with any values

MIN_SIZE = 48  # batch_size · hidden_size; below, a run is over before the compiler is loaded


def choose(settings: Train, hidden_size: int, done: int) -> Backend:
    """numpy or fast: what ``backend`` says, or for auto what pays for steps of this size.

    ``done`` is how many steps were made: the first is NumPy's, so that a look at a configuration
    (``steps=1``) does not wait for the compiler.
    """
    wanted = settings.backend
    if wanted is Backend.fast and (obstacle := why_not()):
        raise ConfigError(f"backend=fast: {obstacle}, or choose backend=numpy or backend=auto")
    if wanted is not Backend.auto:
        return wanted
    large = _is_large(settings, hidden_size)
    return Backend.fast if done and large and not why_not() else Backend.numpy


def _is_large(settings: Train, hidden_size: int) -> bool:
    return settings.batch_size * hidden_size >= MIN_SIZE


def compiler_ready(settings: Train, hidden_size: int) -> AbstractContextManager[None]:
    """Inside, processes that help :func:`load` to compile are ready, where it may have to.

    Whether it will is not asked here: to import the compiler takes time in which they can start.
    """
    wanted = settings.backend is Backend.fast or _is_large(settings, hidden_size)
    if settings.backend is Backend.numpy or not wanted:
        return nullcontext()
    if settings.steps < 2 and settings.backend is Backend.auto:
        return nullcontext()
    return helpers_ready(prepare_to_compile) if may_be_there() else nullcontext()


def backend_of_checkpoint(name: str) -> Backend:
    """The backend that a checkpoint was made with, or numpy where that is not installed."""
    return Backend.fast if name == Backend.fast.value and not why_not() else Backend.numpy


def load(
    network: Network,
    params: Parameters,
    states: States,
    threads: int,
    others: Callable[[], object] = lambda: None,
    at_once: bool = True,
) -> None:
    """Load the kernels of a network, or compile them, by one forward and backward pass.

    ``states`` are any of the batch's size; they and ``params`` are not changed. Kernels that are in
    no cache are compiled side by side, also those for columns of different lengths, and those that
    ``others`` calls. Unless they are wanted ``at_once``, those that a run can do without are
    compiled while it computes: the network's that say so, those that call others, and ``others``.
    """
    given, ragged = (network, params, states), np.full(states[0][0].shape[1], 2)
    ragged[-1] = 1
    tries = [(given, lengths, 1, _Zeros()) for lengths in (None, ragged)]
    own = _calls_of(partial(_pass, *one) for one in tries)
    more = _calls_of([*(partial(_step, *one) for one in tries), others])
    able_to_wait = [call for call in own if call.kernel().meanwhile is not None]
    more = [call for call in more if call not in own]
    later = [] if at_once else [*able_to_wait, *more]
    compile_together([call for call in (*own, *more) if call not in later])
    compile_later(later)
    for way in (_pass, _step):
        way(given, None, threads, Scratch())


def _calls_of(works: Iterable[Callable[[], object]]) -> list[Call]:
    """The kernels that these call, which compute nothing."""
    with looking() as calls:
        for work in works:
            with suppress(Exception):  # it is raised where the kernels do compute
                work()
    return calls


class _Zeros(Scratch):
    """Buffers of 0: a kernel that is loaded meets those of kernels that did not compute."""

    def _make(self, name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
        made = super()._make(name, shape, dtype)
        made[...] = 0
        return made


def _pass(given: Given, lengths: Array | None, threads: int, scratch: Scratch) -> None:
    """Forward and backward over two steps."""
    network, params, states = given
    x, y = network.blank(2, states[0][0].shape[1])
    compiled = network.on(Execution(True, threads))
    h, _, caches = compiled.forward(params, x, states, lengths, scratch)
    _, _, cache = compiled.loss(params, h, y, lengths, scratch)
    _, dh = compiled.loss_gradient(params, cache, h, scratch)
    compiled.backward(params, caches, dh, scratch)


def _step(given: Given, lengths: Array | None, threads: int, scratch: Scratch) -> None:
    """The same by the kernels that call the others, where there are any."""
    network, params, states = given
    x, y = network.blank(2, states[0][0].shape[1])
    compiled = network.on(Execution(True, threads))
    _, path = paths(compiled, params, params.zeros_like(), scratch)
    if isinstance(path, JoinedPath):
        tokens = y.size if lengths is None else int(lengths.sum())
        batch = Batch(x, y, lengths, False, tokens)
        path.backward(path.forward(batch, states, np.random.default_rng(0))[1])


TWO_THREADS_FROM = 2**20  # n_a²·B of a step's recurrent product; a second thread pays above it


def blas_threads(settings: Train) -> int:
    """``threads`` if it is set, else 1.

    The BLAS's second thread waits by spinning: beside another busy process a step of small products
    took ten times as long as with one thread, and the number cannot follow the machine's load,
    because it changes the last bits.
    """
    return possible_threads(settings.threads, "threads") if settings.threads else 1


def kernel_threads(settings: Train, cell: Cell) -> int:
    """``threads`` if it is set, else 2 where a step's product is large enough for two, else 1.

    Compiled forms give the same bits for any number, and do not wait for a thread that the machine
    holds up.
    """
    if settings.threads:
        return settings.threads
    wanted = 2 if cell.hidden_size**2 * settings.batch_size > TWO_THREADS_FROM else 1
    return min(wanted, usual_threads(), processors())  # the user may allow one alone


def possible_threads(wanted: int, what: str) -> int:
    """``wanted``; ConfigError, which says ``what`` asks for it, if the BLAS takes no such number.

    A checkpoint must not name a number of threads that nothing was computed with.
    """
    most = BlasThreads(wanted).in_effect()
    if most != wanted:
        raise ConfigError(
            f"{what}={wanted}: NumPy's BLAS takes at most {most} here; choose 1 … {most}"
        )
    return wanted
