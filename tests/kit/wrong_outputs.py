"""Samplers and heads that are wrong in one way each, by the check that fails."""

from typing import Any

import numpy as np
from changes import counting, elsewhere
from mutants import mutant

from rnnx.data.metrics import Metric, Prediction, ValueMetrics
from rnnx_builtin.heads.adaptive_softmax import AdaptiveSoftmax
from rnnx_builtin.heads.bernoulli import Bernoulli
from rnnx_builtin.heads.gaussian import Gaussian
from rnnx_builtin.heads.softmax import Softmax
from rnnx_builtin.samplers.categorical import Categorical
from rnnx_builtin.samplers.greedy import Greedy

# Samplers


def one_number_for_all(right, z, before, rng):
    p = np.exp(z - z.max(axis=0))
    return np.sum(np.cumsum(p / p.sum(axis=0), axis=0) < rng.random(), axis=0)


def one_number_for_eight(right, z, before, rng):
    p = np.exp(z - z.max(axis=0))
    draws = np.repeat(rng.random(-(-z.shape[1] // 8)), 8)[: z.shape[1]]
    return np.minimum(np.sum(np.cumsum(p / p.sum(axis=0), axis=0) < draws, axis=0), len(z) - 1)


def stratified(right, z, before, rng):
    p, B = np.exp(z - z.max(axis=0)), z.shape[1]
    draws = (rng.permutation(B) + rng.random(B)) / B
    return np.minimum(np.sum(np.cumsum(p / p.sum(axis=0), axis=0) < draws, axis=0), len(z) - 1)


def from_its_own_generator(right, z, before, rng):
    return right(z, before, np.random.default_rng(len(before)))


def marks_before(right, z, before, rng):
    ids = right(z, before, rng)
    before[:] = 1
    return ids


def looks_at_the_last(right, z, before, rng):
    return right(z + 0 * before[-1], before, rng)


def greedy_beyond_32(right, z, before, rng):
    ids = right(z, before, rng)
    ids[32:] = z[:, 32:].argmax(axis=0)
    return ids


def fewer_for_many(right, z, before, rng):
    return right(z, before, rng) if z.shape[1] <= 64 else right(z[:, :64], before[:, :64], rng)


TIMES = counting(0.0, 5.0)
KEPT_LOGITS: dict[Any, Any] = {}


def cached_logits(right, z, before, rng):
    return right(KEPT_LOGITS.setdefault(z.shape, z.copy()), before, rng)


SAMPLERS = {
    "check_columns_draw_alone": [
        mutant(Categorical(), sample=one_number_for_all),
        mutant(Categorical(), sample=one_number_for_eight),
        mutant(Categorical(), sample=stratified),
        mutant(Categorical(), sample=from_its_own_generator),
        mutant(Categorical(), sample=greedy_beyond_32),
    ],
    "check_before": [
        mutant(Categorical(), sample=marks_before),
        mutant(Greedy(), sample=looks_at_the_last),
    ],
    "check_ids": [mutant(Categorical(), sample=fewer_for_many)],
    "check_process": [mutant(Categorical(), sample=elsewhere)],
    "check_history": [
        mutant(
            Categorical(),
            sample=lambda right, z, before, rng: right(
                z + TIMES() * np.eye(len(z))[:, :1], before, rng
            ),
        )
    ],
}

# Heads


def negated(right, params, h, y, lengths, scratch):
    loss, nats, cache = right(params, h, y, lengths, scratch)
    return -loss, nats, cache


def negated_back(right, params, cache, scratch):
    dparams, dh = right(params, cache, scratch)
    return {name: -array for name, array in dparams.items()}, -dh


def no_loss(right, params, h, y, lengths, scratch):
    _, nats, cache = right(params, h, y, lengths, scratch)
    return 0.0, nats, cache


def no_gradient(right, params, cache, scratch):
    dparams, dh = right(params, cache, scratch)
    return {name: 0 * array for name, array in dparams.items()}, 0 * dh


NEWEST: dict[str, Any] = {}


def packed(scratch, shape):
    return {name: array.copy() for name, array in NEWEST["params"].items()}


def packed_in_a_plan(right, params, h, scratch):
    NEWEST["params"] = params
    return right(scratch.plan(packed, h.shape), h, scratch)


def remembers_its_cache(right, params, h, y, lengths, scratch):
    loss, nats, cache = right(params, h, y, lengths, scratch)
    NEWEST["cache"] = cache
    return loss, nats, None


def reads_the_newest(right, params, cache, scratch):
    return right(params, NEWEST["cache"] if cache is None else cache, scratch)


def no_bias_beyond_64(right, params, h, scratch):
    logits = right(params, h, scratch)
    logits[:, 64:] -= 1e-3
    return logits


def deaf(right, params, h, scratch):
    return right(params, np.zeros_like(h), scratch)


def wide_init(right, rng, n_a, n_y, dtype):
    return right(rng, n_a, n_y, np.float64)


HEADS = {
    "check_loss_follows_nats": [
        mutant(Softmax(), forward=negated, backward=negated_back),
        mutant(Softmax(), forward=no_loss, backward=no_gradient),
    ],
    "check_parameters_change": [mutant(Softmax(), logits=packed_in_a_plan)],
    "check_two_at_once": [
        mutant(Softmax(), forward=remembers_its_cache, backward=reads_the_newest)
    ],
    "check_large_sizes": [mutant(Softmax(), logits=no_bias_beyond_64)],
    "check_everything_has_a_say": [mutant(Softmax(), logits=deaf)],
    "check_init": [
        mutant(Softmax(), init=wide_init),
        mutant(Softmax(), init=lambda right, rng, *a: right(np.random.default_rng(0), *a)),
    ],
    "check_process": [mutant(Softmax(), forward=elsewhere)],
    "check_threads": [mutant(Softmax(), forward=remembers_its_cache, backward=reads_the_newest)],
}


# Heads that say which targets they take


def forgets_weights(right, params, h, y, lengths, weights, scratch):
    return right(params, h, y, lengths, None, scratch)


def forgets_lengths(right, params, h, y, lengths, weights, scratch):
    return right(params, np.nan_to_num(h), np.nan_to_num(y), None, weights, scratch)


def weighted_losses(right, params, h, y, lengths, weights, scratch):
    loss, losses, cache = right(params, h, y, lengths, weights, scratch)
    return loss, losses if weights is None else losses * weights, cache


def squared_weights(right, params, h, y, lengths, weights, scratch):
    return right(params, h, y, lengths, None if weights is None else weights**2, scratch)


def half_the_slope(right, params, cache, scratch):
    dparams, dh = right(params, cache, scratch)
    return dparams, 0.5 * dh


def uphill(right, params, h, y, lengths, weights, scratch):
    loss, losses, cache = right(params, h, y, lengths, weights, scratch)
    return -loss, losses, cache._replace(dz=-cache.dz)


def other_columns(right, params, h, lengths, per_sequence, scratch):
    found = right(params, h, lengths, per_sequence, scratch)
    return found._replace(y=found.y - found.y.mean(axis=-1, keepdims=True))


class Upside(ValueMetrics):
    """The error as if more of it were better."""

    @property
    def metrics(self):
        return [Metric("mse", "m²", True, "mean squared error")]

    def values(self, sums):
        return {"mse": super().values(sums)["mse"]}


class Averaged(ValueMetrics):
    """Means in the place of sums."""

    def sums(self, found, y, weights):
        return super().sums(found, y, weights) / np.sum(weights)


class Halved(ValueMetrics):
    """A metric that the list does not have."""

    def values(self, sums):
        return {"half": 0.5}


def copied_nan(right, params, h, y, lengths, weights, scratch):
    loss, losses, cache = right(params, h, y, lengths, weights, scratch)
    return loss + 0 * float(np.sum(y)), losses, cache


def replaces_rank(right, params, counts):
    right(params, counts)
    params["rank"] = params["rank"].copy()


def sorts_counts(right, params, counts):
    counts.sort()
    right(params, counts)


def nan_of_counts(right, params, counts):
    params["rank"][0] = np.nan


def draws_weights(right, params, counts):
    params["Wy"][...] += np.random.default_rng().normal(size=params["Wy"].shape)


def one_symbol_twice(right, params, h, scratch):
    z = right(params, h, scratch)
    z[:, 0] = z[:, 1]
    return z


CLUSTERS = AdaptiveSoftmax(shortlist=2)
WRONG_COUNTS = replaces_rank, sorts_counts, nan_of_counts, draws_weights
TARGET_HEADS = {
    "check_target_gradients": [
        mutant(Gaussian(), backward=half_the_slope),
        mutant(Softmax(), backward=half_the_slope),
    ],
    "check_target_losses": [
        mutant(Bernoulli(), measure=weighted_losses),
        mutant(Bernoulli(), measure=squared_weights),
        mutant(Gaussian(), measure=forgets_lengths),
    ],
    "check_no_weight": [
        mutant(Gaussian(), measure=copied_nan),
        mutant(Bernoulli(), measure=forgets_weights),
    ],
    "check_predictions": [
        mutant(Gaussian(), predict=other_columns),
        mutant(Gaussian(), measure=uphill),
        mutant(Bernoulli(), predict=lambda right, *a: Prediction(right(*a).y[..., :1])),
    ],
    "check_metrics": [
        mutant(Gaussian(), metrics=lambda right, targets: Upside(targets)),
        mutant(Gaussian(), metrics=lambda right, targets: Averaged(targets)),
        mutant(Gaussian(), metrics=lambda right, targets: Halved(targets)),
    ],
    "check_counts": [
        *(mutant(CLUSTERS, count_targets=wrong) for wrong in WRONG_COUNTS),
        mutant(CLUSTERS, logits=one_symbol_twice),
    ],
}
