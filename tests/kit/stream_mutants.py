"""Streams broken in one way each, for checking ``check_stream``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.cells.lstm import LSTM
from rnnx_builtin.cells.vanilla import Vanilla


def streaming(change: Callable[..., Any]) -> Callable[..., Any]:
    """A ``stream`` whose steps go through ``change(step, params, x, state)``."""

    def stream(right, params, scratch):
        step = right(params, scratch)
        return lambda x, state: change(step, params, x, state)

    return stream


def stream_forgets(step, params, x, state):
    return step(x, (np.zeros_like(state[0]), *state[1:]))


def stream_takes_the_last_id(step, params, x, state):
    return step(np.where(x < 0, params["Wx"].shape[1] - 1, x) if x.ndim == 1 else x, state)


def stream_learns(step, params, x, state):
    after = step(x, state)
    params["b"] += 1e-9
    return after


def stream_in_place(step, params, x, state):
    state[0][...] = step(x, state)[0]
    return state


def stream_is_wide(step, params, x, state):
    return tuple(s.astype(np.float64) for s in step(x, state))


def stream_drops_the_memory(step, params, x, state):
    return step(x, state)[:1]


def stream_of_ids_alone(step, params, x, state):
    return step(x if x.ndim == 1 else x * 1.01, state)


def stream_in_one_buffer(right, params, scratch):
    step, kept = right(params, scratch), {}

    def one(x, state):
        (h,) = step(x, state)
        buffer = kept.setdefault(h.shape, h)
        buffer[...] = h if state[0] is not buffer else step(x, (state[0].copy(),))[0]
        return (buffer,)

    return one


def stream_of_one_width(right, params, scratch):
    step, kept = right(params, scratch), []

    def one(x, state):
        kept.append(x.shape[-1])
        return tuple(s[:, : kept[0]] for s in step(x, state))

    return one


STREAMS = [
    (GRU, streaming(stream_forgets)),
    (LSTM, streaming(stream_takes_the_last_id)),
    (LSTM, streaming(stream_learns)),
    (Vanilla, streaming(stream_in_place)),
    (GRU, streaming(stream_is_wide)),
    (LSTM, streaming(stream_drops_the_memory)),
    (Vanilla, streaming(stream_of_ids_alone)),
    (Vanilla, stream_in_one_buffer),
    (GRU, stream_of_one_width),
]
