"""Cells that are wrong only beyond a size, or for gradients of some magnitude."""

import numpy as np
from elman import Elman

from rnnx import unrolling


def cut_every(k):
    """The gradient through time is dropped at every k-th step."""

    def backward(right, params, cache, dh, dstate, scratch):
        dparams, dx, back = right(params, cache, dh, dstate, scratch)
        if len(dh) > k:
            late = dh.copy()
            late[:-k] = 0
            shorter = right(params, cache, late, dstate, scratch)
            back = tuple(one - other for one, other in zip(back, shorter[2], strict=True))
        return dparams, dx, back

    return backward


def step_back_cut_every(k):
    """The recurrent gradient is 0 at every k-th step that is counted from the end."""

    def backward(right, params, cache, dh, dstate, scratch):
        count = 0
        own = Elman.step_back

        class Cut(Elman):
            def step_back(self, params, cache, dstate):
                nonlocal count
                count += 1
                dparams, dx, (back,) = own(self, params, cache, dstate)
                return dparams, dx, (0 * back if count % k == 0 else back,)

        return unrolling.backward(Cut(params["Wh"].shape[0]), params, cache, dh, dstate, scratch)

    return backward


def clips_back(right, params, cache, dh, dstate, scratch):
    return right(params, cache, np.clip(dh, -50, 50), dstate, scratch)


def drops_small(right, params, cache, dh, dstate, scratch):
    return right(params, cache, np.where(np.abs(dh) < 1e-5, 0, dh), dstate, scratch)


def ignores_beyond_32_units(right, params, x, state, lengths, scratch):
    Wh = params["Wh"].copy()
    Wh[:, 32:] = 0
    return right({**params, "Wh": Wh}, x, state, lengths, scratch)


def without_their_gradient(right, params, cache, dh, dstate, scratch):
    Wh = params["Wh"].copy()
    Wh[:, 32:] = 0
    dparams, dx, back = right({**params, "Wh": Wh}, cache, dh, dstate, scratch)
    dparams["Wh"][:, 32:] = 0
    return dparams, dx, back


def ignores_beyond_16_columns(right, params, x, state, lengths, scratch):
    h, final, cache = right(params, x, state, lengths, scratch)
    h[:, :, 16:] *= 1.0 + 1e-6
    return h, final, cache


def forgets_at(step):
    """A sequence longer than ``step`` loses its state there."""

    def forward(right, params, x, state, lengths, scratch):
        if len(x) <= step or lengths is not None:
            return right(params, x, state, lengths, scratch)
        first = right(params, x[:step], state, None, scratch)[0].copy()
        zero = tuple(np.zeros_like(s) for s in state)
        rest = right(params, x[step:], zero, None, scratch)[0].copy()
        _, final, cache = right(params, x, state, None, scratch)
        return np.concatenate([first, rest]), final, cache

    return forward
