"""A time loop that several threads walk together, a few units of the layer at a time.

A step needs all of the step before, so threads that owned units would wait for the slowest of
them at every step. Here nobody owns any: all work is a row of tickets, step by step and within a
step chunk by chunk of the units, and each thread draws the next one whose step may begin. A thread
that the machine takes away holds up the others by the chunk in its hand alone. Who computes a chunk
changes nothing in it: a sequence is the same, bit for bit, with any number of threads.
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

NEXT, DONE = 0, 16  # places in a crew's array, two cache lines apart: the next ticket, how many
PATIENCE = 2000  # looks at a step that is not ready before the processor is offered to others


def crew_of(scratch: Scratch) -> Array:
    """The counters of a time loop, to be kept in a plan."""
    return scratch.array("crew", (2 * DONE,), np.int64)


def together(
    function: Callable[..., None],
    threads: int,
    crew: Array,
    n_p: int,
    chunk: int,
    *arguments: Any,
) -> None:
    """Call ``function(crew, n_p, chunk, …)`` in ``threads`` threads, which share its tickets.

    With one chunk of the n_p units there is nothing to share.
    """
    crew[NEXT] = crew[DONE] = 0
    if threads == 1 or chunk >= n_p:
        function(crew, n_p, chunk, *arguments)
    else:
        at_once(function, threads, crew, n_p, chunk, *arguments)


def at_once(function: Callable[..., None], threads: int, *arguments: Any) -> None:
    """Call ``function`` in this thread and in ``threads − 1 ≥ 1`` more: kernels hold no lock."""
    pool = _pool(threads - 1)
    others = [pool.submit(function, *arguments) for _ in range(threads - 1)]
    try:
        function(*arguments)
    finally:  # who has not begun finds nothing left; who has writes to buffers of the next call
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


def divided(work: Callable[[int, int], None], size: int, threads: int, multiple: int = 1) -> None:
    """``work(first, last)`` for as many parts of ``range(size)``; their lengths are multiples.

    A thread that comes too late finds its part done by another.
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

    at_once(take_parts, threads)


@cache
def _pool(others: int) -> ThreadPoolExecutor:
    """Threads that wait between two calls: to begin one takes longer than a small kernel."""
    return ThreadPoolExecutor(others, "rnnx-kernel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a fork copies no threads


@inline
def draw(crew: Any, chunks: int, last: int) -> Any:
    """The next of ``last`` tickets, as soon as all of the steps before its own are handed in.

    −1 where none is left.
    """
    waited = 0
    while True:
        ticket = _read(crew, NEXT)
        if ticket >= last:
            return -1
        if _read(crew, DONE) >= ticket // chunks * chunks:
            if _take(crew, NEXT, ticket):
                return ticket
        else:
            waited += 1
            if waited % PATIENCE == 0:
                _give_way()


@inline
def draw_again(crew: Any, chunks: int, last: int) -> Any:
    """The same, after the ticket before is done: others may now read what it stood for."""
    _add_one(crew, DONE)
    return draw(crew, chunks, last)


@inline
def units_at(ticket: int, chunks: int, chunk: int, n_p: int) -> tuple[int, int]:
    """The first unit of a ticket's chunk, and the one after its last."""
    first = ticket % chunks * chunk
    return first, min(first + chunk, n_p)


_give_way = types.ExternalFunction(
    "sched_yield" if os.name == "posix" else "SwitchToThread", types.int32()
)


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@intrinsic
def _read(typing: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(array, types.intp), codegen


@intrinsic
def _take(typing: Any, array: Any, index: Any, seen: Any) -> Any:
    """Whether array[index] was still what had been seen; it is then one more."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place, seen = _place(context, builder, signature.args[0], args[0], args[1]), args[2]
        more = builder.add(seen, ir.Constant(seen.type, 1))
        answer = builder.cmpxchg(place, seen, more, "acq_rel", "acquire")
        return builder.extract_value(answer, 1)

    return types.boolean(array, types.intp, types.int64), codegen


@intrinsic
def _add_one(typing: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], args[0], args[1])
        builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "acq_rel")
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen
