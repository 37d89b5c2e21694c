"""The built-in head, and the kit that checks it."""

from types import SimpleNamespace
from weakref import WeakSet

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.contracts.buffers import Scratch
from rnnx.testing import HeadSuite, heads
from rnnx_builtin.heads.absolute import Absolute
from rnnx_builtin.heads.adaptive_softmax import AdaptiveSoftmax
from rnnx_builtin.heads.bernoulli import Bernoulli
from rnnx_builtin.heads.gaussian import Gaussian
from rnnx_builtin.heads.softmax import Reduction, Softmax
from rnnx_builtin.numerics.pooling import Pooling


class TestSoftmax(HeadSuite):
    components = (Softmax(), Softmax(reduction=Reduction.sequence), Softmax(pooling=Pooling.mean))


class TestAdaptiveSoftmax(HeadSuite):
    components = (AdaptiveSoftmax(), AdaptiveSoftmax(shortlist=2), AdaptiveSoftmax(1, 4, 1.5))


class TestGaussian(HeadSuite):
    components = (Gaussian(), Gaussian(pooling=Pooling.max))


class TestAbsolute(HeadSuite):
    components = (Absolute(), Absolute(pooling=Pooling.mean))


class TestBernoulli(HeadSuite):
    components = (Bernoulli(), Bernoulli(pooling=Pooling.max))


def test_the_two_reductions_are_their_definitions() -> None:
    rng = np.random.default_rng(0)
    h, y, lengths = rng.normal(size=(4, 5, 3)), rng.integers(0, 6, (4, 3)), np.array([4, 2, 1])
    params = Softmax().init(rng, 5, 6, np.float64)
    token, nats, _ = Softmax().forward(params, h, y, lengths, Scratch())
    sequence, _, _ = Softmax(Reduction.sequence).forward(params, h, y, lengths, Scratch())
    assert token == pytest.approx(nats.sum() / 7, rel=1e-12)
    assert sequence == pytest.approx(nats.sum() / 3, rel=1e-12)


def test_the_kit_catches_each_fault() -> None:
    right = Softmax()

    def changed(part: str, change):
        def backward(inner, params, cache, scratch):
            dparams, dh = inner(params, cache, scratch)
            if part == "h":
                return dparams, change(dh)
            return {**dparams, part: change(dparams[part])}, dh

        return mutant(right, backward=backward)

    def no_lengths(inner, params, h, y, lengths, scratch):
        return inner(params, np.nan_to_num(h), y, None, scratch)

    def nats_twice(inner, params, h, y, lengths, scratch):
        loss, nats, cache = inner(params, h, y, lengths, scratch)
        return loss, 2 * nats, cache

    def no_maximum(inner, params, h, y, lengths, scratch):
        loss, nats, cache = inner(params, h, y, lengths, scratch)
        with np.errstate(all="ignore"):
            loss += 0 * float(np.exp(params["Wy"] @ h[0]).sum())
        return loss, nats, cache

    def damages(inner, params, h, y, lengths, scratch):
        result = inner(params, h, y, lengths, scratch)
        h *= 0.5
        return result

    known: WeakSet[Scratch] = WeakSet()  # a mark in memory may be left from a freed scratch

    def trusts_scratch(inner, params, h, y, lengths, scratch):
        loss, nats, cache = inner(params, h, y, lengths, scratch)
        used = scratch in known
        known.add(scratch)
        return loss + float(used), nats, cache

    def form(change):
        def compiled(inner, threads):
            def forward(params, h, y, lengths, scratch):
                loss, nats, cache = right.forward(params, h, y, lengths, scratch)
                return loss, nats * change(threads), cache

            return SimpleNamespace(forward=forward)

        return mutant(right, compiled=compiled)

    def wide(inner, params, h, scratch):
        return inner(params, h, scratch).astype(np.float64)

    assert_all_caught(
        heads,
        {
            "check_gradients": [
                changed("Wy", lambda d: -d),
                changed("by", lambda d: 0 * d),
                changed("h", lambda d: d * 1.01),
                mutant(right, init=lambda inner, *a: {}),
            ],
            "check_nats": [mutant(right, forward=nats_twice)],
            "check_padding": [mutant(right, forward=no_lengths)],
            "check_dtypes": [mutant(right, logits=wide)],
            "check_large_logits": [mutant(right, forward=no_maximum)],
            "check_inputs_unchanged": [mutant(right, forward=damages)],
            "check_scratch": [mutant(right, forward=trusts_scratch)],
            "check_compiled": [
                form(lambda threads: 1.001),
                form(lambda threads: 1 + 1e-15 * (threads - 1)),
                mutant(right, compiled=lambda inner, threads: object()),
            ],
        },
    )
