"""A queue of tasks for threads that run one time loop together.

Every step needs the whole step before it. If each thread owned some units of the layer, all threads
would wait for the slowest one at every step. Instead the queue lists all tasks in order, phase by
phase (a phase is a step, or a part of one) and within a phase chunk by chunk of the units, and each
thread takes the next task whose phase may begin. A thread that the machine interrupts then delays
the others only by the chunk it works on. The result of a task does not depend on the thread that
computes it, so a sequence is the same, bit for bit, with any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.simd.compiling import inline

# Indices in a queue's array, two cache lines apart: the next task's number, and how many are done.
NEXT, DONE = 0, 16
SPINS_PER_YIELD = 2000  # looks at a phase that is not ready before offering the processor to others


def queue_for(scratch: Scratch) -> Array:
    """The counters of a queue, to be kept in a plan."""
    return scratch.array("queue", (2 * DONE,), np.int64)


def run_loop(
    loop: Callable[..., None],
    threads: int,
    queue: Array,
    units: tuple[int, int],
    *arguments: Any,
) -> None:
    """Call ``loop(queue, units, …)`` in up to ``threads`` threads, which share its tasks.

    ``units`` are the units of the layer and of a chunk; one chunk leaves nothing to share.
    """
    queue[NEXT] = queue[DONE] = 0
    n_p, chunk = units
    if threads == 1 or chunk >= n_p:
        loop(queue, (n_p, chunk), *arguments)
    else:
        run_in_threads(loop, threads, queue, (n_p, chunk), *arguments)


def run_in_threads(function: Callable[..., None], threads: int, *arguments: Any) -> None:
    """Call ``function`` in this thread and in ``threads − 1 ≥ 1`` others: kernels hold no lock."""
    pool = _pool(threads - 1)
    others = [pool.submit(function, *arguments) for _ in range(threads - 1)]
    try:
        function(*arguments)
    finally:
        # A thread that has not begun would find nothing left to do. One that has begun may still
        # write to buffers that the next call uses, so wait for it.
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


def divide(work: Callable[[int, int], None], size: int, threads: int, multiple: int = 1) -> None:
    """``work(first, last)`` for ``threads`` parts of ``range(size)``, in as many threads.

    The length of a part is a multiple of ``multiple``. A thread that comes too late finds its part
    done by another.
    """
    if threads == 1:
        work(0, size)
        return
    length = -(-size // (threads * multiple)) * multiple
    parts = [(first, min(first + length, size)) for first in range(0, size, length)]

    def take_parts() -> None:
        while True:
            try:
                first, last = parts.pop()
            except IndexError:
                return
            work(first, last)

    run_in_threads(take_parts, threads)


@cache
def _pool(others: int) -> ThreadPoolExecutor:
    """Threads that stay alive between calls: starting one takes longer than a small kernel."""
    return ThreadPoolExecutor(others, "rnnx-kernel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a fork copies no threads


@inline
def next_task(queue: Any, units: Any, phases: int) -> Any:
    """The number of the next task, as soon as its phase may begin; −1 if none is left.

    A phase may begin when all tasks of the phases before it are finished.
    """
    chunks, spins = _chunks(units), 0
    while True:
        task = _read(queue, NEXT)
        if task >= phases * chunks:
            return -1
        if _read(queue, DONE) >= task // chunks * chunks:
            if _increment_if(queue, NEXT, task):
                return task
        else:
            spins += 1
            if spins % SPINS_PER_YIELD == 0:
                _yield_processor()


@inline
def finish_and_next(queue: Any, units: Any, phases: int) -> Any:
    """Report this thread's task as finished, so that others read its result; then the next one."""
    _add_one(queue, DONE)
    return next_task(queue, units, phases)


@inline
def part_of(task: int, units: Any) -> tuple[int, int, int]:
    """``phase, first, last`` of a task: which phase it belongs to, and its units."""
    (n_p, chunk), chunks = units, _chunks(units)
    first = task % chunks * chunk
    return task // chunks, first, min(first + chunk, n_p)


@inline
def _chunks(units: Any) -> int:
    n_p, chunk = units
    return -(-n_p // chunk)  # type: ignore[no-any-return]


_yield_processor = types.ExternalFunction(
    "sched_yield" if os.name == "posix" else "SwitchToThread", types.int32()
)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@intrinsic
def _read(typing: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(address, "acquire", 8)

    return types.int64(array, types.intp), codegen


@intrinsic
def _increment_if(typing: Any, array: Any, index: Any, expected: Any) -> Any:
    """Add 1 to array[index] if it still is ``expected``; whether it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        more = builder.add(args[2], ir.Constant(args[2].type, 1))
        result = builder.cmpxchg(address, args[2], more, "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(array, types.intp, types.int64), codegen


@intrinsic
def _add_one(typing: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _address(context, builder, signature.args[0], args[0], args[1])
        builder.atomic_rmw("add", address, ir.Constant(ir.IntType(64), 1), "acq_rel")
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen
