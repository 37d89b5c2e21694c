"""A head that predicts a standard deviation of each value, and metrics that need it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

import rnnx
from rnnx.cli.predictions import predict
from rnnx.errors import PluginError
from rnnx.testing import target_heads
from rnnx.testing.suite import CheckFailed

HEAD = """
    from dataclasses import dataclass

    import numpy as np
    import rnnx
    from rnnx_builtin.heads.gaussian import Gaussian

    @dataclass(frozen=True)
    class Within:
        metrics: tuple = (rnnx.Metric("covered", "", True, "share within a deviation"),)

        def sums(self, found, y, weights):
            inside = (np.abs(found.y - y) <= found.p).all(axis=-2)
            return np.array([np.sum(weights * inside), np.sum(weights)])

        def values(self, sums):
            return {"covered": float(sums[0] / sums[1])}

    @dataclass(frozen=True)
    class Unsure(Gaussian):
        '''Values with the deviation 0.5.'''

        tall: bool = False
        '''Whether p has a shape of its own.'''

        def predict(self, params, h, lengths, per_sequence, scratch):
            y = super().predict(params, h, lengths, per_sequence, scratch).y
            return rnnx.Prediction(y, np.full((2, *y.shape) if self.tall else y.shape, 0.5))

        def metrics(self, targets):
            return Within()

    @rnnx.hookimpl
    def register_heads(register):
        register("unsure", Unsure)
"""
SERIES = ["dataset=csv", "dataset.path=w.csv", "dataset.targets=temp", "dataset.length=8"]


@pytest.fixture
def unsure(install: Callable[..., EntryPoint]) -> None:
    t = np.arange(80)
    rows = np.stack([100 + np.sin(t), np.cos(t)], axis=1)
    np.savetxt("w.csv", rows, delimiter=",", header="temp,wind", comments="", fmt="%.4f")
    install(HEAD, "unsure")


def test_the_kit_takes_a_head_with_a_prediction_of_its_own(unsure: None) -> None:
    from rnnx.registry.manager import registry

    made = registry().get("head", "unsure").component
    target_heads.check_predictions(made())
    target_heads.check_metrics(made())
    with pytest.raises(CheckFailed, match=r"predict: p is \(2, 5, 4, 4\), not \(5, 4, 4\) or None"):
        target_heads.check_predictions(made(tall=True))


def test_deviations_are_told_in_the_units_of_their_values(
    unsure: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = rnnx.train([*TINY, *SERIES, "steps=2", "head=unsure"])
    assert 0 <= run.metrics["final/val_covered"] <= 1
    path = str(run.folder.path)
    model = rnnx.load(path)
    (one,) = model.predict([np.full((3, 2), 100.0)])
    expected = 0.5 * model.targets.quantities[0].deviation
    assert one.p is not None and np.allclose(one.p, expected) and one.p.shape == (3, 1)
    Path("new.csv").write_text("temp,wind\n100,1\n101,0\n", "utf-8")
    capsys.readouterr()
    predict(path, "new.csv", "json")
    (told,) = json.loads(capsys.readouterr().out)
    assert told["deviations"] == {"temp": [pytest.approx(expected)] * 2}
    predict(path, "new.csv", "csv")
    assert capsys.readouterr().out.startswith("sequence,step,temp,temp deviation\n1,1,")


def test_a_p_of_another_shape_is_refused(unsure: None) -> None:
    with pytest.raises(PluginError, match=r"head unsure .*: predict: p is \(2, .* or None"):
        rnnx.train([*TINY, *SERIES, "steps=2", "head=unsure", "head.tall=true"])
