"""The average of the parameters is what is evaluated, sampled and kept as the model."""

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.config.compose import compose
from rnnx.runs import checkpoint as checkpoints
from rnnx.training.report import Silent
from rnnx.training.run import train
from rnnx.training.session import Session


def at_each_step(session: Session, steps: int) -> list[rnnx.Array]:
    found = []
    for _ in range(steps):
        session.step()
        found.append(session.params.flat.astype(np.float64))
    return found


def test_it_is_the_weighted_mean_of_all_steps(names: Path) -> None:
    session = rnnx.build(tiny(names, "averaging=0.8", "dtype=float64"))
    expected = session.params.flat.copy()
    for t, params in enumerate(at_each_step(session, 60), 1):
        decay = min(0.8, t / (t + 9))  # 0.8 from step 36 on
        expected = decay * expected + (1 - decay) * params
    np.testing.assert_allclose(session.average.flat, expected, rtol=1e-12)


def test_training_is_the_same_with_it(names: Path) -> None:
    plain, averaged = (rnnx.build(tiny(names, f"averaging={d}")) for d in (0, 0.9))
    for _ in range(9):
        assert plain.step() == averaged.step()
    assert plain.params.flat.tobytes() == averaged.params.flat.tobytes()
    assert plain.average is plain.params


def test_the_average_is_evaluated_and_sampled(names: Path) -> None:
    session = rnnx.build(tiny(names, "averaging=0.9", "optimizer.learning_rate=0.1"))
    at_each_step(session, 9)
    last = rnnx.build(tiny(names))
    last.params.flat[:] = session.params.flat
    mean = rnnx.build(tiny(names))
    mean.params.flat[:] = session.average.flat
    assert session.evaluate() == mean.evaluate() != last.evaluate()
    assert session.evaluate_train() == mean.evaluate_train() != last.evaluate_train()
    assert session.sample(20) == mean.sample(20) != last.sample(20)


def test_the_average_is_the_model_of_a_run(names: Path) -> None:
    overrides = tiny(names, "averaging=0.9", "optimizer.learning_rate=0.1")
    run = train(compose(overrides), Silent(), overrides)
    assert run.model.evaluate().loss == pytest.approx(run.metrics["best/val_loss"], abs=1e-12)
    stored = checkpoints.read(run.folder.best)
    for name, array in run.model.params.leaves():
        assert array.tobytes() == stored.tensors[f"average/{name}"].tobytes()
        assert array.tobytes() != stored.tensors[f"params/{name}"].tobytes()
