"""Optimizers, clippers and schedules that are wrong in one way each, by the check that fails."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from changes import elsewhere
from mutants import mutant

from rnnx_builtin.clippers.global_norm import GlobalNorm
from rnnx_builtin.clippers.none import Unclipped
from rnnx_builtin.clippers.value import Value
from rnnx_builtin.initializers.normal import Normal
from rnnx_builtin.initializers.uniform import Uniform
from rnnx_builtin.optimizers.adam import Adam
from rnnx_builtin.optimizers.momentum import Momentum
from rnnx_builtin.optimizers.sgd import SGD
from rnnx_builtin.schedules.constant import Constant

# Optimizers


@dataclass(frozen=True)
class DecaysByItsOwnRate(SGD):
    def update(self, params, grads, state, rate, step, scratch):
        super().update(params, grads, state, rate, step, scratch)
        if rate:
            params.flat *= 1 - 0.1 * self.learning_rate


def module_memory(every):
    kept: dict[str, Any] = {}

    def update(right, p, g, s, rate, step, scratch):
        if step % every == 0:
            kept[str(p.size)] = g.flat.copy()
        g.flat += 0.01 * kept.get(str(p.size), 0)
        right(p, g, s, rate, step, scratch)

    return update


def scratch_memory(right, p, g, s, rate, step, scratch):
    old = scratch.array("velocity", p.flat.shape, p.flat.dtype)
    if step == 1:
        old[...] = 0
    old[...] = 0.5 * old + g.flat
    g.flat[...] = old
    right(p, g, s, rate, step, scratch)


def skips_the_head(right, p, g, s, rate, step, scratch):
    before = {name: array.copy() for name, array in p["head"].items()}
    right(p, g, s, rate, step, scratch)
    for name, array in before.items():
        p["head"][name][...] = array


def skips_beyond_4096(right, p, g, s, rate, step, scratch):
    rest = p.flat[4096:].copy()
    right(p, g, s, rate, step, scratch)
    p.flat[4096:] = rest


def velocity_without_decay(right, p, g, s, rate, step, scratch):
    s["v"] += g.flat
    p.flat -= rate * s["v"]


def velocity_unused(right, p, g, s, rate, step, scratch):
    s["v"][...] = g.flat
    p.flat -= rate * g.flat


def velocity_never_kept(right, p, g, s, rate, step, scratch):
    copy = {name: array.copy() for name, array in s.items()}
    right(p, g, copy, rate, step, scratch)


def grows_without_gradient(right, p, g, s, rate, step, scratch):
    right(p, g, s, rate, step, scratch)
    p.flat *= 1 + 0.001 * rate


def half_precision(right, p, g, s, rate, step, scratch):
    g.flat[...] = g.flat.astype(np.float16)
    right(p, g, s, rate, step, scratch)
    p.flat[...] = p.flat.astype(np.float16) if p.flat.dtype == np.float32 else p.flat


BUFFER = np.zeros(10_000)


def shared_buffer(right, p, g, s, rate, step, scratch):
    part = BUFFER[: p.size]
    part[...] = g.flat
    part *= rate
    p.flat -= part


OPTIMIZERS = {
    "check_own_rate": [DecaysByItsOwnRate()],
    "check_state_round_trip": [
        mutant(SGD(), update=module_memory(20)),
        mutant(SGD(), update=module_memory(500)),
        mutant(SGD(), update=scratch_memory),
    ],
    "check_first_step": [mutant(Adam(), update=skips_the_head)],
    "check_descends": [mutant(Momentum(), update=velocity_without_decay)],
    "check_state_has_a_say": [
        mutant(Momentum(), update=velocity_unused),
        mutant(Momentum(), update=velocity_never_kept),
    ],
    "check_no_gradient": [mutant(SGD(), update=grows_without_gradient)],
    "check_precision": [mutant(SGD(), update=half_precision)],
    "check_large_sizes": [mutant(SGD(), update=skips_beyond_4096)],
    "check_process": [mutant(SGD(), update=elsewhere)],
    "check_history": [mutant(SGD(), update=module_memory(7))],
    "check_threads": [mutant(SGD(), update=shared_buffer)],
}

# Clippers, schedules, initializers


def hides_infinity(right, grads, norm):
    np.nan_to_num(grads.flat, copy=False, nan=np.nan, posinf=1.0, neginf=-1.0)
    return right(grads, norm)


def divides_by_the_norm(right, grads, norm):
    grads.flat /= norm
    return True


def clips_the_first_thousand(right, grads, norm):
    flat = grads.flat[:1000]
    changed = bool((np.abs(flat) > 1).any())
    np.clip(flat, -1, 1, out=flat)
    return changed


def only_layer0(right, grads, norm):
    array = grads["layer0"]["Wx"]
    changed = bool((np.abs(array) > 5).any())
    np.clip(array, -5, 5, out=array)
    return changed


LARGEST = [0.0]


def by_the_largest_so_far(right, grads, norm):
    LARGEST[0] = max(LARGEST[0], norm)
    if norm > 1:
        grads.flat *= 1 / LARGEST[0]
    return bool(norm > 1)


CLIPPERS = {
    "check_not_a_number": [mutant(Unclipped(), clip=hides_infinity)],
    "check_direction": [mutant(Unclipped(), clip=divides_by_the_norm)],
    "check_limit": [
        mutant(Value(limit=1.0), clip=clips_the_first_thousand),
        mutant(Value(), clip=only_layer0),
    ],
    "check_history": [mutant(GlobalNorm(), clip=by_the_largest_so_far)],
    "check_process": [mutant(Value(), clip=elsewhere)],
}

LAST = [0]


def of_the_last_step(right, step):
    before, LAST[0] = LAST[0], step
    return 0.5 if before > step else 1.0


SCHEDULES = {
    "check_values": [
        mutant(Constant(), factor=lambda right, step: 1.0 - step / 2e6),
        mutant(Constant(), factor=lambda right, step: 1.0 if step < 1500 else -0.1),
        mutant(Constant(), factor=lambda right, step: float(np.exp(min(step / 1e9, 1e3)) - 1e300)),
    ],
    "check_function_of_the_step": [mutant(Constant(), factor=of_the_last_step)],
    "check_process": [mutant(Constant(), factor=elsewhere)],
}


def zero_beyond_32(right, rng, n_out, n_in, dtype):
    filled = right(rng, n_out, n_in, dtype)
    filled[32:] = 0
    return filled


def one_column(right, rng, n_out, n_in, dtype):
    return np.repeat(right(rng, n_out, 1, dtype), n_in, axis=1)


INITIALIZERS = {
    "check_draws": [
        mutant(Normal(), fill=lambda right, rng, *a: right(np.random.default_rng(0), *a)),
        mutant(Normal(), fill=lambda right, rng, *a: right(np.random.default_rng(a[0]), *a)),
        mutant(Normal(), fill=zero_beyond_32),
        mutant(Uniform(), fill=one_column),
    ],
    "check_process": [mutant(Normal(), fill=elsewhere)],
}
