"""A head whose weights are those of the embedding."""

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.errors import ConfigError
from rnnx.models.network import Network
from rnnx.training.report import Silent
from rnnx.training.resume import resume
from rnnx_builtin.blocks.prenorm import PreNorm
from rnnx_builtin.cells.gru import GRU
from rnnx_builtin.heads.softmax import Softmax

SYMBOLS, T, B = 5, 4, 3
LENGTHS = np.array([4, 2, 1])


def case(**options: object) -> tuple[Network, Parameters, np.ndarray, np.ndarray]:
    made = Network(GRU(6), Softmax(tied=True), SYMBOLS, 2, block=PreNorm(**options))  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    params = made.init(rng, np.float64)
    params.flat += 0.3 * rng.standard_normal(params.size)
    x, y = rng.integers(-1, SYMBOLS, (T, B)), rng.integers(0, SYMBOLS, (T, B))
    return made, params, x, y


def loss(made: Network, params: Parameters, x: np.ndarray, y: np.ndarray) -> float:
    states = made.initial_state(B, np.float64)
    h, _, _ = made.forward(params, x, states, LENGTHS, Scratch())
    return made.loss(params, h, y, LENGTHS, Scratch())[0]


@pytest.mark.parametrize("width", [0, 7])
def test_one_matrix_reads_and_writes(width: int) -> None:
    made, params, x, y = case(width=width)
    assert set(params["head"]) == {"by"}
    scratch = Scratch()
    h, _, caches = made.forward(params, x, made.initial_state(B, np.float64), LENGTHS, scratch)
    found, _, cache = made.loss(params, h, y, LENGTHS, scratch)
    whole = {"Wy": params["entry"]["We"].T, "by": params["head"]["by"]}
    assert found == Softmax().forward(whole, h, y, LENGTHS, Scratch())[0]
    dhead, dh = made.loss_gradient(params, cache, h, scratch)
    grads = made.joined(made.backward(params, caches, dh, scratch), dhead)
    assert grads.keys() == params.keys() and grads["head"].keys() == {"by"}
    for part, name in [("entry", "We"), ("head", "by"), ("layer0", "Wx"), ("block1", "gain")]:
        if name not in params[part]:
            continue
        array, slopes = params[part][name], grads[part][name].copy()
        for place in [(0, 0), (-1, -1)] if array.ndim == 2 else [(0,)]:
            before, some = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = before + step
                some.append(loss(made, params, x, y))
            array[place] = before
            assert slopes[place] == pytest.approx((some[0] - some[1]) / 2e-6, abs=1e-8)


def test_a_run_learns_writes_and_resumes(names: Path) -> None:
    own = ["head.tied=true", "block=prenorm", "layers=2", "steps=60"]
    whole = rnnx.train(tiny(names, *own))
    assert whole.metrics["val/loss"] < np.log(13)
    assert len(whole.model.sample(2)) == 2
    assert "Wy" not in whole.model.params["head"]
    short = rnnx.train(tiny(names, *own, "steps=25"))
    longer = resume(short.folder, Silent(), ["steps=60"])
    assert longer.model.params.flat.tobytes() == whole.model.params.flat.tobytes()


@pytest.mark.parametrize("more", [[], ["block=none"]])
def test_without_an_embedding_it_is_refused(more: list[str], names: Path) -> None:
    with pytest.raises(ConfigError, match="without an embedding to share") as error:
        rnnx.build(tiny(names, "head.tied=true", *more))
    assert "\n" not in str(error.value)
